// SPDX-License-Identifier: MIT
//! echo_client in Rust: each connection sends numbered messages, with a few unanswered at a time, and verifies every answer.
//! Exits 0 only if everything was answered correctly. It needs only the standard library: `rustc -O echo_client.rs`
//!
//! usage: echo_client tcp|udp PORT [CONNECTIONS [MESSAGES]]
use std::collections::HashSet;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use std::{env, process, thread};

const WINDOW: usize = 8; // unanswered messages per connection
const BYTES: usize = 64;
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60)); // without an answer: give up

/// TCP: a frame is a 4-byte little-endian length and the payload. UDP: a datagram is a payload.
enum Peer {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Peer {
    fn connect(tcp: bool, port: u16) -> Result<Self> {
        if tcp {
            let stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(PATIENCE)?;
            return Ok(Peer::Tcp(stream));
        }
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(("127.0.0.1", port))?;
        socket.set_read_timeout(PATIENCE)?;
        Ok(Peer::Udp(socket))
    }

    fn send(&mut self, payload: &[u8]) -> Result<()> {
        match self {
            Peer::Tcp(stream) => {
                stream.write_all(&[&(payload.len() as u32).to_le_bytes(), payload].concat())
            }
            Peer::Udp(socket) => socket.send(payload).map(drop),
        }
    }

    fn receive(&mut self) -> Result<Vec<u8>> {
        let mut payload = vec![0; 65536];
        match self {
            Peer::Tcp(stream) => {
                let mut header = [0; 4];
                stream.read_exact(&mut header)?;
                payload.resize(u32::from_le_bytes(header) as usize, 0);
                stream.read_exact(&mut payload)?;
            }
            Peer::Udp(socket) => {
                let bytes = socket.recv(&mut payload)?;
                payload.truncate(bytes);
            }
        }
        Ok(payload)
    }
}

fn payload_of(connection: u32, number: u64) -> Vec<u8> {
    let mut payload = [&number.to_le_bytes()[..], &connection.to_le_bytes()].concat();
    let mix = number * 7 + u64::from(connection) * 13;
    payload.extend((payload.len()..BYTES).map(|i| (mix + i as u64) as u8));
    payload
}

fn talk(mut peer: Peer, connection: u32, messages: u64) -> Result<()> {
    let mut waiting = HashSet::new();
    let mut sent = 0;
    while sent < messages || !waiting.is_empty() {
        if sent < messages && waiting.len() < WINDOW {
            let payload = payload_of(connection, sent);
            peer.send(&payload)?;
            waiting.insert(payload);
            sent += 1;
        } else if !waiting.remove(&peer.receive()?) {
            let what = format!("connection {connection}: an answer is wrong, or came twice");
            return Err(Error::new(ErrorKind::InvalidData, what));
        }
    }
    Ok(())
}

fn run(tcp: bool, port: u16, connections: u32, messages: u64) -> Result<()> {
    let peers: Vec<_> =
        (0..connections).map(|_| Peer::connect(tcp, port)).collect::<Result<_>>()?;
    let begin = Instant::now();
    let threads: Vec<_> =
        (0..).zip(peers).map(|(i, peer)| thread::spawn(move || talk(peer, i, messages))).collect();
    for each in threads {
        each.join().expect("a thread panicked")?;
    }
    let answered = u64::from(connections) * messages;
    let rate = answered as f64 / begin.elapsed().as_secs_f64();
    println!("{answered} answered: {rate:.0} round trips per second");
    Ok(())
}

/// The command line's arguments.
fn options() -> Option<(bool, u16, u32, u64)> {
    let words: Vec<String> = env::args().collect();
    let number = |at: usize, default: u64| match words.get(at) {
        Some(word) => word.parse::<u64>().ok(),
        None => Some(default),
    };
    let tcp = match words.get(1)?.as_str() {
        "tcp" => true,
        "udp" => false,
        _ => return None,
    };
    let port = words.get(2)?.parse().ok()?;
    Some((tcp, port, u32::try_from(number(3, 1)?).ok()?, number(4, 10000)?))
}

fn main() {
    let done = match options() {
        Some((tcp, port, connections, messages)) => run(tcp, port, connections, messages),
        None => {
            eprintln!("usage: echo_client tcp|udp PORT [CONNECTIONS [MESSAGES]]");
            process::exit(2);
        }
    };
    if let Err(error) = done {
        eprintln!("echo_client: {error}");
        process::exit(1);
    }
}
