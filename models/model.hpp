/* SPDX-License-Identifier: MIT */
/*
 * Runs a model: the correct version, one mutant, or all of them against the table in README.md.
 *
 *   X_model                     correct version, must pass
 *   X_model --mutant SITE:ORDER one site weakened, or STEP:left_out; ends with 1 when Relacy finds it
 *   X_model --list              the mutants
 *   X_model --all README.md     the correct version and each mutant; each has to end as the table says
 */
#ifndef HANDOFF_MODELS_MODEL_HPP
#define HANDOFF_MODELS_MODEL_HPP

#include "relacy_atomic.hpp"

#include <fstream>

/* One part of a model: a Relacy test, and how many preemptions a search tries at most. */
struct scenario {
    const char *name;
    bool (*simulate)(rl::test_params &);
    unsigned preemptions;
};

/* What came of one search over the scenarios. */
struct verdict {
    std::string end; /* passes, race, assertion, deadlock, livelock, or Relacy's own word */
    std::string where;
    uint64_t executions;
    std::string history; /* the execution that failed */
};

static std::string end_of(rl::test_result_e result)
{
    switch (result) {
    case rl::test_result_success: return "passes";
    case rl::test_result_data_race: return "race";
    case rl::test_result_user_assert_failed: return "assertion";
    case rl::test_result_deadlock: return "deadlock";
    case rl::test_result_livelock: return "livelock";
    default: return rl::test_result_str(result);
    }
}

/* Relacy writes its report while it counts allocations: this one is not counted. */
typedef std::basic_ostringstream<char, std::char_traits<char>, rl::raw_allocator<char>>
    report_stream;

static verdict search(const std::vector<scenario> &scenarios)
{
    verdict v = {"passes", "", 0, ""};
    for (const scenario &s : scenarios) {
        report_stream report;
        std::ostream nowhere(nullptr);
        rl::test_params params;
        params.search_type = rl::sched_bound;
        params.context_bound = s.preemptions;
        params.output_stream = &report;
        params.progress_stream = &nowhere;
        s.simulate(params);
        v.executions += params.stop_iteration;
        if (params.test_result != rl::test_result_success) {
            v.end = end_of(params.test_result);
            v.where = s.name;
            v.history = report.str().c_str();
            break;
        }
        std::cout << "  " << s.name << ": " << params.stop_iteration << " executions, at most "
                  << s.preemptions << " preemptions" << std::endl;
    }
    return v;
}

/* Each weaker order that an operation can have. */
static std::vector<rl::memory_order> weaker(const site &s)
{
    if (s.kind == STEP)
        return {rl::mo_relaxed};
    std::vector<rl::memory_order> orders;
    bool strongest = s.order == rl::mo_seq_cst;
    if (s.kind == RMW && strongest)
        orders.push_back(rl::mo_acq_rel);
    if (s.kind != LOAD && (strongest || s.order == rl::mo_acq_rel))
        orders.push_back(rl::mo_release);
    if (s.kind != STORE && (strongest || s.order == rl::mo_acq_rel))
        orders.push_back(rl::mo_acquire);
    if (s.order != rl::mo_relaxed)
        orders.push_back(rl::mo_relaxed);
    return orders;
}

struct mutant {
    int site;
    rl::memory_order order;
    std::string name() const
    {
        const char *change = sites[site].kind == STEP ? "left_out" : rl::format(order);
        return std::string(sites[site].name) + ":" + change;
    }
};

static std::vector<mutant> all_mutants()
{
    std::vector<mutant> mutants;
    for (int i = 0; i != SITE_COUNT; ++i)
        for (rl::memory_order order : weaker(sites[i]))
            mutants.push_back(mutant{i, order});
    return mutants;
}

static int complain(const std::string &model, const std::string &what)
{
    std::cerr << model << ": " << what << std::endl;
    return 1;
}

static verdict search_mutant(const std::vector<scenario> &scenarios, const mutant &m)
{
    weak_site = m.site;
    weak_order = m.order;
    verdict v = search(scenarios);
    weak_site = SITE_END;
    return v;
}

static int run_correct(const std::string &model, const std::vector<scenario> &scenarios)
{
    verdict v = search(scenarios);
    if (v.end != "passes") {
        std::cout << v.history;
        return complain(model, "the correct version ends with a " + v.end + " in " + v.where +
                                   ": read the history above");
    }
    for (int i = 0; i != SITE_COUNT; ++i)
        if (!site_reached[i])
            return complain(model, std::string("no execution reaches ") + sites[i].name +
                                       ": extend the model");
    std::cout << model << ": passes, " << v.executions << " executions" << std::endl;
    return 0;
}

static int run_mutant(const std::string &model, const std::vector<scenario> &scenarios,
                      const std::string &name)
{
    for (const mutant &m : all_mutants()) {
        if (m.name() != name)
            continue;
        verdict v = search_mutant(scenarios, m);
        std::cout << v.history;
        if (v.end == "passes")
            return 0;
        return complain(model, name + ": " + v.end + " in " + v.where + ": as it should");
    }
    return complain(model, "no mutant " + name + ": --list names them"), 2;
}

/* The rows | model | site:order | end | ... | of this model. */
static std::map<std::string, std::string> read_table(const std::string &model, std::ifstream &file)
{
    std::map<std::string, std::string> ends;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string bar, name, mutant, end;
        if (words >> bar >> name >> bar >> mutant >> bar >> end && name == model)
            ends[mutant] = end;
    }
    return ends;
}

static int run_all(const std::string &model, const std::vector<scenario> &scenarios,
                   const char *table_path)
{
    std::ifstream file(table_path);
    if (!file)
        return complain(model, std::string("can't read ") + table_path + ": name the README");
    std::map<std::string, std::string> expected = read_table(model, file);
    int bad = run_correct(model, scenarios);
    for (const mutant &m : all_mutants()) {
        verdict v = search_mutant(scenarios, m);
        std::cout << m.name() << ": " << v.end << " " << v.where << ", " << v.executions
                  << " executions" << std::endl;
        if (v.end != expected[m.name()]) {
            std::cout << v.history;
            bad |= complain(model, m.name() + " ends with '" + v.end + "', the table says '" +
                                       expected[m.name()] + "': one of the two is wrong");
        }
        expected.erase(m.name());
    }
    for (const std::pair<const std::string, std::string> &row : expected)
        bad |=
            complain(model, "the table has " + row.first + ", which is no mutant: remove the row");
    return bad;
}

static int model_main(const std::string &model, const std::vector<scenario> &scenarios, int argc,
                      char **argv)
{
    std::string option = argc > 1 ? argv[1] : "";
    if (argc == 1)
        return run_correct(model, scenarios);
    if (argc == 3 && option == "--mutant")
        return run_mutant(model, scenarios, argv[2]);
    if (argc == 3 && option == "--all")
        return run_all(model, scenarios, argv[2]);
    if (argc == 2 && option == "--list") {
        for (const mutant &m : all_mutants())
            std::cout << m.name() << std::endl;
        return 0;
    }
    return complain(model, "unknown arguments: none, --mutant NAME, --all README.md or --list"), 2;
}

#endif
