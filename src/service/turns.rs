//! This process's part in the common pace: when it asks for a turn, and what it tells the others.
//!
//! A process that was never refused draws turns for its first requests only, since many processes may have started with it.
//! One that knows of a refusal draws one for every request, until the refusal is old.

use super::deadline;
use super::pace::Pace;
use super::pace_file::PaceFile;
use crate::plural::counted;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The number of requests of a process that draw turns in any case: a search and a signature.
const FIRST: u8 = 2;
/// How long a turn is not drawn because a request cannot use it yet.
const UNREADY: Duration = Duration::from_secs(1);
/// A shorter wait is not logged.
const NOTABLE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Turns {
    file: Option<PaceFile>,
    /// How many requests have drawn turns, up to [`FIRST`].
    begun: AtomicU8,
    /// Whether the service refused a request lately, as far as this process knows.
    limited: AtomicBool,
}

/// The generation of the turn that a request has; `None` if it has none.
pub type Drawn = Option<u64>;

impl Turns {
    /// `path` is that of the file which the processes share; `None`: this process goes its own pace.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { file: path.map(PaceFile::new), begun: AtomicU8::new(0), limited: AtomicBool::new(false) }
    }

    /// Before a request: waits for its turn, if it needs one. `ready` ends when the connection is open. A handshake takes long where
    /// many begin together; a turn that is drawn after it is used at once, so that few requests are under way when the first of
    /// them is refused. One that hangs is the request's to report.
    pub async fn first(&self, ready: impl Future<Output = ()>, end: Instant) -> Drawn {
        let begun = self.begun.fetch_update(Relaxed, Relaxed, |begun| (begun < FIRST).then_some(begun + 1)).is_ok();
        if self.file.is_none() || !(begun || self.limited.load(Relaxed)) {
            return None;
        }
        let _ = tokio::time::timeout_at(end.min(Instant::now() + UNREADY).into(), ready).await;
        self.wait(end, |_, _| {}).await
    }

    /// The service refused a request, and asked for a pause: all processes keep it, and this one waits for its next turn.
    pub async fn after_refusal(&self, drawn: Drawn, asked: Option<Duration>, end: Instant) -> Drawn {
        self.wait(end, |pace, now| {
            // A request without a turn was sent at this moment or before.
            let generation = drawn.unwrap_or_else(|| pace.generation());
            pace.refuse(now, generation, asked);
        })
        .await
    }

    /// Tells the others the news, and waits for the next turn. `None`, without waiting: there is no common pace, or the turn would use
    /// up more than half of the time until `end`, which the request may need.
    async fn wait(&self, end: Instant, news: impl FnOnce(&mut Pace, u64)) -> Drawn {
        let file = self.file.as_ref()?;
        let now = Instant::now();
        let latest = now + deadline::half(now, end);
        let mut news = Some(news);
        loop {
            let left = latest.saturating_duration_since(Instant::now());
            let (turn, limited, per_second) = file.change(|pace, now| {
                if let Some(news) = news.take() {
                    news(pace, now);
                }
                (pace.turn(now, left), pace.is_limited(), pace.per_second())
            })?;
            self.limited.store(limited, Relaxed);
            let turn = turn?;
            if turn.wait.is_zero() {
                return Some(turn.generation);
            }
            if let Some(notice) = notice(turn.wait, per_second) {
                log::info!("{notice}");
            }
            tokio::time::sleep(turn.wait).await;
            if file.change(|pace, _| pace.begin(turn))? {
                return Some(turn.generation);
            }
        }
    }
}

/// What the log says about a wait; `None` if it is short.
fn notice(wait: Duration, per_second: u64) -> Option<String> {
    let (millis, rate) = (wait.as_millis(), counted(per_second, "request"));
    let notice = || format!("waiting {millis} ms for the other processes of this user: about {rate} a second");
    (wait >= NOTABLE).then(notice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    impl Turns {
        /// A refusal after which this process has no time to wait.
        fn told(&self, asked: Duration) {
            assert_eq!(run(self.after_refusal(None, Some(asked), Instant::now())), None);
        }
    }

    #[test]
    fn one_process_learns_from_the_refusal_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let turns = || Turns::new(Some(folder.path().join("pace")));
        let (one, other) = (turns(), turns());
        let drawn = run(one.first(ready(()), soon()));
        assert!(drawn.is_some());
        let begun = Instant::now();
        assert_ne!(run(one.after_refusal(drawn, Some(Duration::from_millis(200)), soon())), drawn);
        assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
        one.told(Duration::from_millis(200));
        let begun = Instant::now();
        assert_ne!(run(other.first(ready(()), soon())), drawn);
        assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_wait_that_somebody_may_notice_is_in_the_log() {
        assert_eq!(notice(Duration::from_millis(99), 50), None);
        let said = "waiting 100 ms for the other processes of this user: about 50 requests a second";
        assert_eq!(notice(Duration::from_millis(100), 50).as_deref(), Some(said));
    }

    #[test]
    fn later_requests_of_a_process_that_was_never_refused_draw_no_turn() {
        let folder = tempfile::tempdir().unwrap();
        let turns = Turns::new(Some(folder.path().join("pace")));
        let drawn: Vec<_> = (0..4).map(|_| run(turns.first(ready(()), soon())).is_some()).collect();
        assert_eq!(drawn, [true, true, false, false]);
        turns.told(Duration::ZERO);
        assert!(run(turns.first(ready(()), soon())).is_some());
    }

    #[test]
    fn a_turn_is_drawn_when_it_can_be_used_and_a_connection_that_hangs_does_not_hold_it_up_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let turns = || Turns::new(Some(folder.path().join("pace")));
        let pace = PaceFile::new(folder.path().join("pace"));
        let untouched = || pace.change(|pace, _| *pace == Pace::default());
        let opened = async { assert_eq!(untouched(), Some(true), "no turn is drawn before") };
        assert!(run(turns().first(opened, soon())).is_some());
        assert_eq!(untouched(), Some(false));
        let begun = Instant::now();
        assert!(run(turns().first(pending(), soon())).is_some());
        assert!((UNREADY..Duration::from_secs(5)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        let begun = Instant::now();
        assert!(run(Turns::new(None).first(pending(), soon())).is_none(), "without a common pace there is no turn");
        assert!(begun.elapsed() < UNREADY);
    }

    #[test]
    fn a_turn_that_comes_too_late_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let turns = Turns::new(Some(folder.path().join("pace")));
        turns.told(Duration::from_secs(30));
        let begun = Instant::now();
        assert_eq!(run(turns.first(ready(()), soon())), None);
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(run(Turns::new(None).first(ready(()), soon())), None, "without a file");
    }
}
