// SPDX-License-Identifier: MIT
//! A game's combat: monsters live in a pool, attacks come as messages, and who is attacked is a handle in
//! the message's value. An attack on a monster that died meanwhile is refused.
use handoff::{abi, Arena, Consumer, Domain, Object, Pool, Producer, Service, Shard, Status, Weak};
use std::process::ExitCode;
use std::thread;

struct Monster {
    name: &'static str,
    hp: i32,
}

/// What could not be done, and why.
type Failed = (&'static str, Status);

fn or<T>(what: &'static str) -> impl Fn(Status) -> Result<T, Failed> {
    move |status| Err((what, status))
}

/// Holds the monsters, and drops those that die.
fn combat(
    pool: &Pool<Monster>,
    mut alive: Vec<Object<Monster>>,
    mut input: Consumer,
) -> Result<(), Failed> {
    loop {
        let attack = match input.take() {
            Ok(message) => message,
            Err(Status(abi::HO_CLOSED)) => break,
            Err(Status(abi::HO_EMPTY)) => {
                input.wait(-1).or_else(or("waiting"))?;
                continue;
            }
            Err(status) => return Err(("taking", status)),
        };
        let target = Weak::new(attack.value());
        if !pool.has(target) {
            println!("attack {}: refused, its target is gone", attack.key());
            continue;
        }
        let at = alive.iter().position(|monster| monster.weak() == target).expect("it is alive");
        let monster = &mut alive[at];
        monster.hp -= i32::from(attack.bytes()[0]);
        if monster.hp > 0 {
            println!("attack {}: {} has {} left", attack.key(), monster.name, monster.hp);
        } else {
            println!("attack {}: {} dies", attack.key(), monster.name);
            drop(alive.swap_remove(at));
        }
    }
    println!("{} left", alive.len());
    Ok(())
}

/// Stands for the network: a player names whom it saw last.
fn attack(
    out: &Producer,
    from: &Shard,
    key: u64,
    whom: Weak<Monster>,
    by: u8,
) -> Result<(), Failed> {
    let mut loan = from.reserve(1).or_else(or("a loan"))?;
    loan.fill(&[by]);
    loan.set_value(whom.value);
    out.commit(loan, key).map_err(|refused| ("an attack", refused.status))?;
    Ok(())
}

fn play() -> Result<(), Failed> {
    let domain = Domain::create(&Default::default()).or_else(or("the domain"))?;
    let arena = Arena::open(&domain, &Default::default()).or_else(or("the arena"))?;
    let mut service = Service::open(&domain, &Default::default()).or_else(or("the service"))?;
    let input = Consumer::open(&service, &Default::default()).or_else(or("the consumer"))?;
    let shard = Shard::open(&arena).or_else(or("the shard"))?;
    let out = Producer::open(&service, &shard).or_else(or("the producer"))?;
    let pool = Pool::open(&arena, &Default::default()).or_else(or("the pool"))?;
    let monster =
        |name, hp| pool.make(Monster { name, hp }).map_err(|refused| ("a monster", refused.status));
    let alive = vec![monster("the ogre", 100)?, monster("the bat", 10)?];
    let (ogre, bat) = (alive[0].weak(), alive[1].weak());
    thread::scope(|scope| {
        let worker = scope.spawn(|| combat(&pool, alive, input));
        attack(&out, &shard, 1, ogre, 30)?;
        attack(&out, &shard, 2, bat, 5)?;
        attack(&out, &shard, 3, ogre, 80)?;
        attack(&out, &shard, 4, ogre, 80)?; // it is dead by then
        attack(&out, &shard, 5, bat, 1)?;
        drop(out);
        let _ = service.close(0); // begins: what was sent is still taken
        worker.join().expect("no panic")
    })
}

fn main() -> ExitCode {
    match play() {
        Ok(()) => ExitCode::SUCCESS,
        Err((what, status)) => {
            eprintln!("attacks: {}: {}", what, status);
            ExitCode::FAILURE
        }
    }
}
