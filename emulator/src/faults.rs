//! Faults on demand: rules that make certain requests fail, and delays for all requests.

use crate::api::Answer;
use hyper::body::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One rule of `PUT /faults`. The first rule that matches a request and is not used up applies.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Matches requests with this method; any method where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Matches requests whose path, query included, begins with this; any path where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Ignores this many matching requests first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip: u64,
    /// Is used up after this many requests; never, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Waits this long before anything else happens.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delay_ms: u64,
    /// Responds with this status, and does not execute the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Headers of that response, or additional headers for the response to an executed request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Body of the response with `status`, or a replacement for that of an executed request: a string unchanged,
    /// anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "any_value")]
    pub body: Option<Value>,
    /// Closes the connection instead of answering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Drop>,
    /// Announces the whole body, sends the first half, and closes the connection.
    #[serde(default, skip_serializing_if = "is_false")]
    pub half_body: bool,
}

/// When the connection is closed.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Drop {
    /// Nothing was executed.
    BeforeExecution,
    /// The request was executed (a signature made, recorded and counted), but the client gets no response.
    AfterExecution,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// `null` is a valid body, not an absent one.
fn any_value<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Rule {
    /// Why the rule makes no sense.
    fn mistake(&self) -> Option<String> {
        let bad_header = |(name, value): (&String, &String)| {
            hyper::header::HeaderName::try_from(name).is_err() || hyper::header::HeaderValue::try_from(value).is_err()
        };
        if let Some(status) = self.status
            && !(200..=599).contains(&status)
        {
            return Some(format!("status {status} is not between 200 and 599"));
        }
        if let Some((name, _)) = self.headers.iter().find(|header| bad_header(*header)) {
            return Some(format!("headers: '{name}' has a name or a value that HTTP does not allow"));
        }
        if self.times == Some(0) {
            return Some("times is 0, so the rule would never do anything".to_owned());
        }
        let shapes_answer = self.status.is_some() || self.body.is_some() || self.half_body || !self.headers.is_empty();
        if self.drop.is_some() && shapes_answer {
            return Some(
                "drop leaves no answer, so status, headers, body and half_body make no sense with it".to_owned(),
            );
        }
        if self.drop.is_none() && !shapes_answer && self.delay_ms == 0 {
            return Some("the rule does nothing: give status, body, headers, half_body, drop or delay_ms".to_owned());
        }
        None
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.path.as_deref().is_none_or(|prefix| path.starts_with(prefix))
    }

    /// The response of a rule with `status`; `None` if the rule lets the request be executed.
    pub fn instead(&self) -> Option<Answer> {
        let answer = Answer { status: self.status?, headers: Vec::new(), body: Bytes::new() };
        Some(self.reshape(answer))
    }

    /// The response to an executed request, with the rule's headers and body.
    pub fn reshape(&self, mut answer: Answer) -> Answer {
        if let Some(body) = &self.body {
            answer.headers.retain(|(name, _)| name != "content-type");
            let (text, media_type) = match body {
                Value::String(text) => (text.clone(), "text/plain; charset=utf-8"),
                json => (json.to_string(), "application/json"),
            };
            answer.body = text.into();
            answer.headers.push(("content-type".to_owned(), media_type.to_owned()));
        }
        for (name, value) in &self.headers {
            answer.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            answer.headers.push((name.to_lowercase(), value.clone()));
        }
        answer
    }
}

/// `PUT /latency`: how long every request waits before it is executed.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Milliseconds that every request waits.
    #[serde(default)]
    pub all_ms: u64,
    /// Additional milliseconds for a sign request.
    #[serde(default)]
    pub sign_ms: u64,
}

/// The rules and delays in force.
#[derive(Default)]
pub struct Weather {
    rules: Mutex<Rules>,
    latency: Mutex<Latency>,
}

#[derive(Default)]
struct Rules {
    /// Each with a number of its own, which is never used again.
    list: Vec<(u64, Rule)>,
    next: u64,
}

impl Rules {
    fn push(&mut self, rule: Rule) {
        self.list.push((self.next, rule));
        self.next += 1;
    }
}

impl Weather {
    /// Replaces the rules in force.
    ///
    /// # Errors
    /// A rule makes no sense; then none is accepted. The text says which one, and why.
    pub fn set_rules(&self, rules: Vec<Rule>) -> Result<(), String> {
        for (index, rule) in rules.iter().enumerate() {
            if let Some(mistake) = rule.mistake() {
                return Err(format!("rule {}: {mistake}", index + 1));
            }
        }
        let mut current = self.rules.lock();
        current.list.clear();
        rules.into_iter().for_each(|rule| current.push(rule));
        Ok(())
    }

    /// Adds a rule after those in force.
    ///
    /// # Errors
    /// The rule makes no sense; the text says why.
    pub fn add_rule(&self, rule: Rule) -> Result<(), String> {
        if let Some(mistake) = rule.mistake() {
            return Err(mistake);
        }
        self.rules.lock().push(rule);
        Ok(())
    }

    /// Ends the rule with that number, if it is still in force.
    pub fn remove_rule(&self, number: u64) {
        self.rules.lock().list.retain(|(other, _)| *other != number);
    }

    /// The rules that are not used up, with the rest of `skip` and `times`.
    pub fn rules(&self) -> Vec<Rule> {
        self.rules.lock().list.iter().map(|(_, rule)| rule.clone()).collect()
    }

    /// The same, each with its number for [`Weather::remove_rule`].
    pub fn numbered_rules(&self) -> Vec<(u64, Rule)> {
        self.rules.lock().list.clone()
    }

    /// The rule that applies to a request, counted as used.
    pub fn rule_for(&self, method: &str, path: &str) -> Option<Rule> {
        let rules = &mut self.rules.lock().list;
        let place = rules.iter().position(|(_, rule)| rule.matches(method, path))?;
        let (_, rule) = &mut rules[place];
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        if let Some(times) = &mut rule.times {
            *times -= 1;
            if *times == 0 {
                return Some(rules.remove(place).1);
            }
        }
        Some(rule.clone())
    }

    pub fn set_latency(&self, latency: Latency) {
        *self.latency.lock() = latency;
    }

    pub fn latency(&self) -> Latency {
        *self.latency.lock()
    }

    /// How long a request waits.
    pub fn delay(&self, is_sign: bool) -> Duration {
        let latency = self.latency();
        Duration::from_millis(latency.all_ms + if is_sign { latency.sign_ms } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weather(json: &str) -> Result<Weather, String> {
        let weather = Weather::default();
        weather.set_rules(serde_json::from_str(json).map_err(|error| error.to_string())?)?;
        Ok(weather)
    }

    #[test]
    fn a_rule_lets_some_pass_strikes_so_many_times_and_is_gone() {
        let weather = weather(r#"[{"method": "post", "path": "/a", "skip": 1, "times": 2, "status": 503}]"#).unwrap();
        let strikes: Vec<bool> = (0..5).map(|_| weather.rule_for("POST", "/a/b?c").is_some()).collect();
        assert_eq!(strikes, [false, true, true, false, false]);
        assert!(weather.rules().is_empty());
    }

    #[test]
    fn a_rule_strikes_only_what_it_matches() {
        let weather = weather(r#"[{"method": "POST", "path": "/a", "drop": "before_execution"}]"#).unwrap();
        assert!(weather.rule_for("GET", "/a").is_none());
        assert!(weather.rule_for("POST", "/b").is_none());
        assert!(weather.rule_for("POST", "/a").is_some());
    }

    #[test]
    fn rules_that_cannot_be_meant_are_refused_with_the_reason() {
        for (rules, reason) in [
            (r#"[{"path": "/"}]"#, "does nothing"),
            (r#"[{"status": 99}]"#, "99"),
            (r#"[{"status": 500}, {"status": 500, "times": 0}]"#, "rule 2: times is 0"),
            (r#"[{"drop": "after_execution", "status": 500}]"#, "no answer"),
            (r#"[{"status": 500, "headers": {"a b": "c"}}]"#, "a b"),
            (r#"[{"satus": 500}]"#, "satus"),
            (r#"[{"drop": "sometimes"}]"#, "sometimes"),
        ] {
            let refusal = weather(rules).err().unwrap();
            assert!(refusal.contains(reason), "{rules}: {refusal}");
        }
    }

    #[test]
    fn a_rule_is_removed_by_its_number_whatever_happened_to_the_others() {
        let weather = weather(r#"[{"status": 500, "times": 1}, {"status": 501}, {"status": 502}]"#).unwrap();
        let number_of = |status| weather.numbered_rules().iter().find(|(_, r)| r.status == Some(status)).unwrap().0;
        let number = number_of(501);
        weather.rule_for("GET", "/").unwrap();
        weather.remove_rule(number);
        weather.remove_rule(number);
        let statuses: Vec<_> = weather.rules().iter().map(|rule| rule.status).collect();
        assert_eq!(statuses, [Some(502)]);
        weather.add_rule(Rule { status: Some(503), ..Rule::default() }).unwrap();
        assert_ne!(number_of(503), number);
        assert!(weather.add_rule(Rule::default()).unwrap_err().contains("does nothing"));
    }

    #[test]
    fn a_body_is_text_as_it_is_and_anything_else_as_json() {
        let rule: Rule =
            serde_json::from_str(r#"{"status": 500, "body": "<html>", "headers": {"Retry-After": "2"}}"#).unwrap();
        let answer = rule.instead().unwrap();
        assert_eq!(answer.body, "<html>");
        assert!(answer.headers.contains(&("retry-after".to_owned(), "2".to_owned())));
        let rule: Rule = serde_json::from_str(r#"{"body": {"a": null}}"#).unwrap();
        let executed = Answer { status: 200, headers: Vec::new(), body: "x".into() };
        let answer = rule.reshape(executed);
        assert_eq!((answer.status, &answer.body[..]), (200, &b"{\"a\":null}"[..]));
        let rule: Rule = serde_json::from_str(r#"{"body": null}"#).unwrap();
        assert_eq!(rule.body, Some(Value::Null));
    }

    #[test]
    fn a_request_for_a_signature_waits_both_delays() {
        let weather = Weather::default();
        weather.set_latency(Latency { all_ms: 20, sign_ms: 300 });
        assert_eq!(weather.delay(false), Duration::from_millis(20));
        assert_eq!(weather.delay(true), Duration::from_millis(320));
    }
}
