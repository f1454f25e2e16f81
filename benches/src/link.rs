//! A link with a round trip time, on one machine: bytes wait half of it in each direction.
//!
//! The kernel accepts a local connection at once, where TCP over a real link takes a round trip. So the client's first
//! bytes wait for that round trip as well.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Opens a link to `target`; returns the address of its near end. It exists until the process ends.
pub fn open(target: SocketAddr, round_trip: Duration) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let near = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(service) = TcpStream::connect(target) else { continue };
            let _ = (client.set_nodelay(true), service.set_nodelay(true));
            let one_way = round_trip / 2;
            carry(&client, &service, one_way, Instant::now() + round_trip);
            carry(&service, &client, one_way, Instant::now());
        }
    });
    near
}

/// Bytes and the time when they are due; none for the end.
type Parcel = (Instant, Vec<u8>);

fn carry(from: &TcpStream, to: &TcpStream, delay: Duration, open_at: Instant) {
    let (mut from, mut to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
    let (send, receive): (Sender<Parcel>, Receiver<Parcel>) = channel();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = from.read(&mut buffer).unwrap_or(0);
            let due = Instant::now().max(open_at) + delay;
            if send.send((due, buffer[..count].to_vec())).is_err() || count == 0 {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receive {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if bytes.is_empty() || to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_takes_its_round_trips_and_the_first_one_that_of_the_connection() {
        let far = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let near = open(far.local_addr().unwrap(), Duration::from_millis(40));
        thread::spawn(move || {
            let (mut stream, _) = far.accept().unwrap();
            let mut byte = [0];
            while stream.read(&mut byte).unwrap() == 1 {
                stream.write_all(&byte).unwrap();
            }
        });
        let mut stream = TcpStream::connect(near).unwrap();
        for least in [80, 40, 40] {
            let begun = Instant::now();
            stream.write_all(b"x").unwrap();
            stream.read_exact(&mut [0]).unwrap();
            assert!(begun.elapsed() >= Duration::from_millis(least));
        }
    }
}
