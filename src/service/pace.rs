//! The pace at which the processes of one user ask the service, as long as it limits the rate of requests.
//!
//! A hundred build steps that start together would all be refused together, and return together. So they draw turns, one after
//! the other, from a state that they share (`pace_file`). It is the scheduling algorithm of rate limiters themselves (GCRA): one
//! time, at which the next request is due, and an interval that each turn adds to it.
//!
//! Nobody knows the limit of the service. A refusal stops everybody for the time that the service asks for, and shows the limit:
//! it allows what was accepted since the refusal before, or since the crowd came, and the interval follows from that. Refusals
//! of what was under way then correct it. The interval shrinks with every request, so that a limit that was raised is noticed.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The interval while no refusal is known, in microseconds, for [`BURST`] requests, which may be early.
const FREE: u64 = 8_000;
/// The interval of the requests after the burst while no refusal is known, in microseconds. A limit of a few dozen a second shows
/// itself now, and the fewer are under way then, the fewer are refused.
const PROBING: u64 = 16_000;
/// When a crowd is no longer probing, in microseconds after its first request: the burst and 24 requests.
const PROBED: u64 = BURST * FREE + 24 * PROBING;
/// The interval after that, in microseconds.
const UNLIMITED: u64 = 6_000;
/// The interval of requests that a pause has saved up, in microseconds.
const QUICK: u64 = 4_000;
/// The part of a second for which limits save up requests, in microseconds: with a margin, since most save up a whole one.
const SAVED: u64 = 900_000;
/// The number of requests that may follow one another at once while no refusal is known.
const BURST: u64 = 16;
/// The interval after a first refusal that shows no limit, because there was no crowd, in microseconds.
const CAREFUL: u64 = 20_000;
/// The longest interval, in microseconds.
const SLOWEST: u64 = 1_000_000;
/// In microseconds.
const SECOND: u64 = 1_000_000;
/// The pause if the service does not ask for one, in microseconds.
const PAUSE: u64 = 250_000;
/// The longest pause that is kept for others, in microseconds. Nobody waits for a longer one: the service's refusal is the
/// better message.
const LONGEST_PAUSE: u64 = 120_000_000;
/// How long a refusal matters, in microseconds.
const MEMORY: u64 = 60_000_000;

/// All times are in microseconds since 1970. An empty record is the state of a service that never refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pace {
    /// When the next request is due. Requests may be early by [`BURST`] intervals while no refusal is known.
    due: u64,
    /// Between two requests, in microseconds.
    interval: u64,
    /// The last refusal; 0 if there was none.
    refused: u64,
    /// The number of requests that were sent since the last refusal, or if there was none, since `begun`.
    granted: u64,
    /// When the first of the requests began that have followed one another closely since, without a refusal.
    begun: u64,
    /// The time that the last refusal ended, and the number of requests that were accepted in it; 0 if they show no limit.
    lasted: u64,
    accepted: u64,
    /// The number of requests that the last pause has saved up.
    saved: u64,
    /// Counts refusals: a turn that was drawn before the last one is void.
    generation: u64,
}

/// When a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// From now.
    pub wait: Duration,
    pub generation: u64,
}

impl Pace {
    /// Whether the service refused a request lately.
    pub fn is_limited(&self) -> bool {
        self.refused > 0
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The number of requests in a second.
    pub fn per_second(&self) -> u64 {
        1_000_000 / self.interval.max(1)
    }

    /// Forgets what is too old, or lies in a future that only another clock can have written.
    fn refresh(&mut self, now: u64) {
        let far = now + 2 * LONGEST_PAUSE;
        let over = self.is_limited() && now > self.refused.max(self.due).saturating_add(MEMORY);
        if over || self.due > far || self.refused > far {
            *self = Self { generation: self.generation, ..Self::default() };
        }
        if self.interval == 0 {
            self.interval = FREE;
        }
        self.interval = self.interval.clamp(QUICK, SLOWEST);
    }

    /// How much earlier than due a request may be sent.
    fn early(&self) -> u64 {
        if self.is_limited() { 0 } else { (BURST - 1) * self.interval }
    }

    /// The interval after the request that is due next.
    fn step(&self) -> u64 {
        let ahead = self.due.saturating_sub(self.begun);
        if self.saved > 0 {
            QUICK.min(self.interval)
        } else if self.is_limited() || ahead < self.early() {
            self.interval
        } else if ahead < PROBED {
            PROBING
        } else {
            UNLIMITED
        }
    }

    /// Draws a turn, unless it would come later than `latest` from now.
    pub fn turn(&mut self, now: u64, latest: Duration) -> Option<Turn> {
        self.refresh(now);
        if !self.is_limited() && self.due < now {
            (self.begun, self.granted) = (now, 0);
        }
        let at = now.max(self.due.saturating_sub(self.early()));
        let wait = Duration::from_micros(at - now);
        if wait >= latest {
            return None;
        }
        let step = self.step();
        self.saved = self.saved.saturating_sub(1);
        self.due = self.due.max(now) + step;
        let turn = Turn { wait, generation: self.generation };
        if wait.is_zero() {
            self.begin(turn);
        }
        Some(turn)
    }

    /// The request is sent, after its wait. Returns whether it may be: a refusal since makes the turn void.
    pub fn begin(&mut self, turn: Turn) -> bool {
        let is_valid = turn.generation == self.generation;
        if is_valid {
            self.granted = self.granted.saturating_add(1);
            if self.is_limited() {
                self.interval = (self.interval - self.interval / 2000).max(QUICK);
            }
        }
        is_valid
    }

    /// The service refused a request whose turn was of `generation`, and asked for a pause.
    pub fn refuse(&mut self, now: u64, generation: u64, asked: Option<Duration>) {
        self.refresh(now);
        let asked = asked.map_or(PAUSE, |asked| (asked.as_micros() as u64).min(LONGEST_PAUSE));
        if generation != self.generation {
            // It was under way when the service refused another one.
            if self.accepted > 1 && generation == self.generation.wrapping_sub(1) {
                let before = self.measure(asked);
                self.accepted -= 1;
                self.saved = self.saved.saturating_sub(before.saturating_sub(self.measure(asked)));
            }
            self.due = self.due.max(now + asked.max(self.interval));
            return;
        }
        // Without others that wait, there was no more to accept than was sent.
        let crowded = self.due > now + self.early() + 2 * self.interval;
        self.lasted = if self.is_limited() {
            now.saturating_sub(self.refused)
        } else {
            self.interval = CAREFUL;
            // The first requests of a crowd are those that the limit has saved up, usually in a second.
            SECOND + now.saturating_sub(self.begun)
        };
        self.accepted = if crowded { self.granted.saturating_sub(1) } else { 0 };
        self.saved = self.measure(asked);
        self.refused = now;
        self.granted = 0;
        self.generation = self.generation.wrapping_add(1);
        self.due = now + asked.max(self.interval);
    }

    /// The interval that the last refusal shows; returns what a pause of this length saves up.
    fn measure(&mut self, asked: u64) -> u64 {
        if self.accepted == 0 {
            return 0;
        }
        // Half of another request had been saved up, on average, when one was refused.
        let interval = self.lasted.saturating_mul(2) / self.accepted.saturating_mul(2).saturating_add(1);
        // A little more, because a limit that is met exactly refuses every other moment.
        self.interval = (interval.saturating_mul(102) / 100).clamp(QUICK, SLOWEST);
        asked.min(SAVED) / self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000_000;
    const PATIENT: Duration = Duration::from_secs(600);

    /// A service that accepts `rate` requests a second, all of which may arrive at once.
    struct Limit {
        rate: f64,
        tokens: f64,
        at: u64,
    }

    impl Limit {
        fn new(rate: f64) -> Self {
            Self { rate, tokens: rate, at: NOW }
        }

        fn admits(&mut self, now: u64) -> bool {
            let passed = (now - self.at) as f64 / 1e6;
            self.tokens = (self.tokens + passed * self.rate).min(self.rate);
            self.at = now;
            let admitted = self.tokens >= 1.0;
            if admitted {
                self.tokens -= 1.0;
            }
            admitted
        }
    }

    /// Requests that all want to be sent at once, whose answers take `trip` microseconds; the time when the last one was
    /// accepted, in seconds, and the number of refusals.
    fn crowd(requests: usize, rate: f64, trip: u64) -> (f64, usize) {
        let (mut pace, mut limit) = (Pace::default(), Limit::new(rate));
        let (mut now, mut refusals, mut last) = (NOW, 0, NOW);
        // When each waits until, or when its answer comes and whether it is a refusal.
        let mut waiting: Vec<(u64, Turn)> = Vec::new();
        let mut under_way: Vec<(u64, bool, u64)> = Vec::new();
        let draw = |pace: &mut Pace, now| {
            let turn = pace.turn(now, PATIENT).expect("there is time");
            (now + turn.wait.as_micros() as u64, turn)
        };
        for _ in 0..requests {
            waiting.push(draw(&mut pace, now));
        }
        while !(waiting.is_empty() && under_way.is_empty()) {
            for (end, refused, generation) in std::mem::take(&mut under_way) {
                if end > now {
                    under_way.push((end, refused, generation));
                } else if refused {
                    refusals += 1;
                    pace.refuse(now, generation, Some(Duration::from_secs(1)));
                    waiting.push(draw(&mut pace, now));
                } else {
                    last = now;
                }
            }
            for (at, turn) in std::mem::take(&mut waiting) {
                if at > now {
                    waiting.push((at, turn));
                } else if turn.wait.is_zero() || pace.begin(turn) {
                    under_way.push((now + trip, !limit.admits(now), turn.generation));
                } else {
                    waiting.push(draw(&mut pace, now));
                }
            }
            now += 500;
        }
        ((last - NOW) as f64 / 1e6, refusals)
    }

    #[test]
    fn a_crowd_is_done_soon_after_the_limit_allows_it_and_hardly_refused() {
        for (requests, rate, trip) in [
            (200, 20.0, 1_000),
            (200, 20.0, 20_000),
            (101, 20.0, 20_000),
            (200, 20.0, 60_000),
            (200, 50.0, 20_000),
            (1_000, 100.0, 20_000),
        ] {
            let (took, refusals) = crowd(requests, rate, trip);
            let bound = requests as f64 / rate;
            let what = format!("{requests} requests at {rate} a second, answered after {trip} us");
            assert!(took <= 1.15 * bound, "{what}: {took} s, the limit allows {bound} s");
            assert!(refusals * 20 <= requests, "{what}: {refusals} were refused");
        }
    }

    #[test]
    fn who_was_never_refused_waits_for_nobody_at_first_and_a_moment_in_a_crowd() {
        let mut pace = Pace::default();
        let waits: Vec<_> = (0..100).map(|_| pace.turn(NOW, PATIENT).unwrap().wait).collect();
        assert!(waits[..16].iter().all(Duration::is_zero), "{waits:?}");
        assert_eq!(waits[16..20], [16, 32, 48, 64].map(Duration::from_millis));
        assert!(waits[99] < Duration::from_millis(800), "{:?}", waits[99]);
        assert_eq!(pace.turn(NOW + 1_000_000, PATIENT).unwrap().wait, Duration::ZERO);
    }

    #[test]
    fn a_process_that_is_refused_now_and_then_without_others_does_not_slow_down() {
        let (mut pace, mut now) = (Pace::default(), NOW);
        for _ in 0..10 {
            let turn = pace.turn(now, PATIENT).unwrap();
            assert!(turn.wait <= Duration::from_micros(2 * CAREFUL), "{turn:?}");
            pace.refuse(now, turn.generation, Some(Duration::ZERO));
            now += 3_000_000;
        }
    }

    #[test]
    fn a_refusal_stops_everybody_and_is_forgotten_a_minute_later() {
        let mut pace = Pace::default();
        let turn = pace.turn(NOW, PATIENT).unwrap();
        pace.refuse(NOW, turn.generation, Some(Duration::from_secs(3)));
        assert!(pace.is_limited() && pace.generation() != turn.generation);
        assert_eq!(pace.turn(NOW, Duration::from_secs(3)), None, "too late for whoever has no more time");
        assert_eq!(pace.turn(NOW, PATIENT).unwrap().wait, Duration::from_secs(3));
        assert_eq!(pace.turn(NOW + 70_000_000, PATIENT).unwrap().wait, Duration::ZERO);
        assert!(!pace.is_limited());
    }

    #[test]
    fn an_answer_to_an_older_turn_prolongs_the_pause_and_is_no_news() {
        let mut pace = Pace::default();
        let generation = pace.turn(NOW, PATIENT).unwrap().generation;
        pace.refuse(NOW, generation, Some(Duration::from_secs(1)));
        let known = pace.clone();
        pace.refuse(NOW + 500_000, generation, Some(Duration::from_secs(1)));
        assert_eq!(pace, Pace { due: known.due + 500_000, ..known });
    }

    #[test]
    fn a_rate_is_the_inverse_of_the_interval() {
        for (interval, rate) in [(20_000, 50), (SLOWEST, 1), (0, 1_000_000)] {
            assert_eq!(Pace { interval, ..Pace::default() }.per_second(), rate);
        }
    }

    #[test]
    fn what_is_known_is_forgotten_after_a_minute_or_if_it_is_too_far_in_the_future() {
        let far = NOW + 2 * LONGEST_PAUSE;
        for (refused, due, is_kept) in [
            (NOW - MEMORY, NOW - MEMORY, true),
            (NOW - MEMORY - 1, NOW - MEMORY - 1, false),
            (NOW - MEMORY - 1, NOW - MEMORY, true),
            (NOW, far, true),
            (NOW, far + 1, false),
            (far, NOW, true),
            (far + 1, NOW, false),
        ] {
            let mut pace = Pace { refused, due, interval: CAREFUL, ..Pace::default() };
            pace.refresh(NOW);
            assert_eq!(pace.is_limited(), is_kept, "{refused} {due}");
            assert_eq!(pace.interval, if is_kept { CAREFUL } else { FREE });
        }
    }

    #[test]
    fn requests_are_close_at_first_then_probe_for_a_limit_and_then_are_closest() {
        let step = |ahead| Pace { begun: NOW, due: NOW + ahead, interval: FREE, ..Pace::default() }.step();
        let burst = (BURST - 1) * FREE;
        assert_eq!([0, burst - 1, burst, PROBED - 1, PROBED].map(step), [FREE, FREE, PROBING, PROBING, UNLIMITED]);
    }

    #[test]
    fn a_pause_saves_up_requests_that_follow_quickly() {
        let mut pace = Pace { refused: NOW, due: NOW, interval: CAREFUL, saved: 2, ..Pace::default() };
        let dues: Vec<_> = (0..3).map(|_| pace.turn(NOW, PATIENT).map(|_| pace.due - NOW).unwrap()).collect();
        assert_eq!((dues[0], dues[1]), (QUICK, 2 * QUICK));
        assert!(dues[2] - dues[1] > CAREFUL * 9 / 10, "{dues:?}");
    }

    #[test]
    fn a_crowd_begins_with_the_first_request_after_a_gap() {
        for (due, expected) in [(NOW, (NOW - 9, 4)), (NOW - 1, (NOW, 1))] {
            let mut pace = Pace { begun: NOW - 9, due, granted: 3, interval: FREE, ..Pace::default() };
            pace.turn(NOW, PATIENT).unwrap();
            assert_eq!((pace.begun, pace.granted), expected, "{due}");
        }
    }

    #[test]
    fn each_request_that_is_sent_shortens_the_interval_a_little_once_there_is_a_limit() {
        let begun = |refused| {
            let mut pace = Pace { refused, interval: CAREFUL, ..Pace::default() };
            assert!(pace.begin(Turn { wait: Duration::ZERO, generation: 0 }));
            pace.interval
        };
        assert_eq!((begun(0), begun(NOW)), (CAREFUL, CAREFUL - CAREFUL / 2000));
    }

    #[test]
    fn a_refusal_shows_the_limit_only_if_others_were_waiting() {
        let threshold = NOW + (BURST - 1) * FREE + 2 * FREE;
        for (due, accepted) in [(threshold, 0), (threshold + 1, 4)] {
            let mut pace = Pace { begun: NOW - 1, due, granted: 5, interval: FREE, ..Pace::default() };
            pace.refuse(NOW, 0, None);
            assert_eq!(pace.accepted, accepted);
        }
    }

    #[test]
    fn a_refusal_of_what_was_under_way_corrects_what_was_accepted() {
        for (accepted, generation, expected) in [(3, 1, 2), (2, 1, 1), (1, 1, 1), (3, 0, 3)] {
            let mut pace = Pace {
                due: NOW,
                refused: NOW,
                lasted: SECOND,
                accepted,
                interval: FREE,
                generation: 2,
                ..Pace::default()
            };
            pace.refuse(NOW, generation, None);
            assert_eq!(pace.accepted, expected, "{accepted} {generation}");
        }
    }

    #[test]
    fn what_another_clock_wrote_is_not_believed() {
        for far in [NOW + 3_600_000_000, u64::MAX / 2] {
            let mut pace = Pace {
                due: far,
                interval: SLOWEST,
                refused: far,
                granted: 3,
                begun: far,
                lasted: 0,
                accepted: 0,
                saved: 0,
                generation: 8,
            };
            assert_eq!(pace.turn(NOW, PATIENT), Some(Turn { wait: Duration::ZERO, generation: 8 }));
        }
        let most = u64::MAX;
        let mut pace = Pace {
            due: most,
            interval: most,
            refused: NOW,
            granted: most,
            begun: most,
            lasted: most,
            accepted: 1,
            saved: most,
            generation: 0,
        };
        assert!(pace.turn(NOW, PATIENT).is_some());
        pace.refuse(NOW, 0, None);
        let mut pace = Pace { due: NOW, refused: NOW, lasted: most, accepted: 2, generation: 1, ..Pace::default() };
        pace.refuse(NOW, 0, None);
        assert_eq!(pace.interval, SLOWEST);
    }
}
