//! Output of a program on systems where only a blocking read is possible: a thread reads, and ends with the pipe.

use super::{LONGEST, append};
use std::io::Read;
use std::process::ChildStdout;
use std::time::Duration;
use zeroize::Zeroizing;

/// The pipe from the program.
pub struct Output(std::sync::mpsc::Receiver<Zeroizing<Vec<u8>>>);

impl Output {
    pub fn of(mut out: ChildStdout) -> std::io::Result<Self> {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::Builder::new().spawn(move || {
            let mut part = Zeroizing::new([0; 4096]);
            while let Ok(size @ 1..) = out.read(&mut part[..]) {
                if tell.send(Zeroizing::new(part[..size].to_vec())).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self(told))
    }

    pub fn take_what_is_there(&mut self, printed: &mut Zeroizing<Vec<u8>>) {
        // When the program has ended, its last output may still be on its way through the thread.
        while printed.len() <= LONGEST
            && let Ok(part) = self.0.recv_timeout(Duration::from_millis(50))
        {
            append(printed, &part);
        }
    }
}
