//! Clocks, percentiles, and the kernel's figures for a process.

use std::time::{Duration, Instant};

/// Milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A series of measurements.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

impl Series {
    /// Adds one.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The value that this share (0 to 1) of the series does not exceed; NaN if it is empty.
    pub fn at(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// The smallest.
    pub fn min(&self) -> f64 {
        self.at(0.0)
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// Runs something; returns its result, and the milliseconds it took by the clock and on the calling thread's processor.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64, f64) {
    let (begun, processor) = (Instant::now(), processor_time(libc::CLOCK_THREAD_CPUTIME_ID));
    let result = work();
    let wall = begun.elapsed();
    (result, ms(wall), ms(processor_time(libc::CLOCK_THREAD_CPUTIME_ID) - processor))
}

/// Processor time of the calling thread or, with `CLOCK_PROCESS_CPUTIME_ID`, of all threads.
pub fn processor_time(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of our own.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0, "clock_gettime");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How many threads this process has.
pub fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("/proc").count()
}

/// The number of open descriptors of this process, without the one that counts.
pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc").count() - 1
}

/// The largest memory use of this process so far, in megabytes.
pub fn peak_memory() -> f64 {
    status("VmHWM:")
}

/// The memory use of this process, in megabytes.
pub fn memory() -> f64 {
    status("VmRSS:")
}

fn status(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("its line");
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes / 1024.0
}

/// Load of the machine over the last minute.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_series() {
        let series: Series = (1..=100).rev().map(f64::from).collect();
        assert_eq!((series.min(), series.median(), series.at(0.95), series.at(1.0)), (1.0, 50.0, 95.0, 100.0));
        assert!(Series::default().median().is_nan());
    }

    #[test]
    fn a_thread_is_counted_while_it_lives() {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let before = threads();
        let thread = std::thread::spawn(move || ended.recv());
        assert!(threads() > before);
        drop(end);
        let _ = thread.join();
    }
}
