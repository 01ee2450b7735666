# SPDX-License-Identifier: MIT
"""The table of pools beside allocators."""

NAME, CELL = 52, 10


def lines(measured, machine):
    names = list(dict.fromkeys(name for figure in measured["figures"]
                               for name in figure["contestants"]))
    heads = [*names, "of best", "lower", "upper"]
    yield (f"objects out of pools and out of allocators: medians of {measured['rounds']} rounds, "
           f"{machine['processor']}, {machine['cores']} cores")
    yield "  " + f"{'':{NAME}}" + "".join(f"{head:>{CELL}}" for head in heads)
    for figure in measured["figures"]:
        cells = [format(figure["contestants"][name]["median"] / figure["unit"], figure["form"])
                 if name in figure["contestants"] else "-" for name in names]
        cells += [f"{figure[key]:.2f}" if key in figure else "-"
                  for key in ("of_best_peer", "lower", "upper")]
        yield "  " + f"{figure['what']:{NAME}}" + "".join(f"{cell:>{CELL}}" for cell in cells)
    yield "  of best: of the best peer of each round, the median; lower, upper: its quartiles"
    yield ""
