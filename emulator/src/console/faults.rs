//! The switches that make requests fail or wait.

use super::page::shown;
use super::presets::{self, EFFECTS, TARGETS};
use super::{Answer, Console, Failure, Request};
use crate::faults::{Latency, Rule};
use crate::rate_limit::Setting;
use crate::tsa::{Disturbance, Fault};
use maud::{Markup, html};
use std::time::Duration;

const SECTION: &str = "/console/faults";

/// The faults of the timestamp server.
const TSA_FAULTS: [(&str, &str, Fault); 5] = [
    ("none", "none", Fault::None),
    ("down", "closes connections without a response", Fault::Down),
    ("wrong_digest", "stamps another digest", Fault::WrongDigest),
    ("garbage", "sends a web page", Fault::Garbage),
    ("rejection", "refuses: systemFailure", Fault::Rejection),
];

pub fn page(console: &Console, request: &Request) -> Answer {
    console.page(Some(request), SECTION, "Faults", content(console, request))
}

fn content(console: &Console, request: &Request) -> Markup {
    let shared = &console.shared;
    let rules = shared.weather.numbered_rules();
    let form = |action: &str, inside: Markup| {
        html! { form.card method="post" action=(format!("{SECTION}/{action}")) { (console.token_field()) (inside) } }
    };
    // What was sent and not accepted, else the value in force.
    let before = |name: &str, current: String| match request.form.get(name) {
        "" => current,
        given => given.to_owned(),
    };
    let number = |id: &str, name: &str, label: &str, current: String, hint: &str| {
        html! {
            p {
                label for=(id) { (label) }
                input id=(id) name=(name) type="text" inputmode="numeric" autocomplete="off" value=(before(name, current)) placeholder=(hint);
            }
        }
    };
    let latency = shared.weather.latency();
    let limit = shared.rate_limit.setting().per_second.map_or(String::new(), |limit| limit.to_string());
    let tsa = shared.tsa.disturbance();
    let json = serde_json::to_string_pretty(&shared.weather.rules()).unwrap_or_default();
    html! {
        p { "Each switch acts at once, on every client, until it is switched off or the emulator stops." }
        section aria-labelledby="in-force" {
            h2 id="in-force" { "In force" }
            @if rules.is_empty() { p { "No fault rule." } }
            ul.rules {
                @for (number, rule) in &rules {
                    li {
                        span { (described(rule)) }
                        form method="post" action=(format!("{SECTION}/remove")) {
                            (console.token_field())
                            input type="hidden" name="rule" value=(number);
                            button.quiet type="submit" aria-label=(format!("Switch off: {}", described(rule))) { "Switch off" }
                        }
                    }
                }
            }
            form method="post" action=(format!("{SECTION}/calm")) {
                (console.token_field())
                button type="submit" { "Switch everything off" }
            }
        }
        section aria-labelledby="add" {
            h2 id="add" { "Refuse, break or delay requests" }
            (form("add", html! {
                div.fields {
                    p {
                        label for="target" { "Requests" }
                        select id="target" name="target" {
                            @for (word, label, ..) in TARGETS { option value=(word) selected[word == request.form.get("target")] { (label) } }
                        }
                    }
                    p {
                        label for="effect" { "What happens" }
                        select id="effect" name="effect" {
                            @for (group, effects) in EFFECTS {
                                optgroup label=(group) {
                                    @for effect in effects {
                                        option value=(effect.word) selected[effect.word == request.form.get("effect")] { (effect.label) }
                                    }
                                }
                            }
                        }
                    }
                    (number("delay", "delay", "Delay before, in ms", String::new(), "none"))
                    (number("times", "times", "How many requests", String::new(), "until switched off"))
                }
                button type="submit" { "Switch on" }
            }))
        }
        section aria-labelledby="latency" {
            h2 id="latency" { "Latency" }
            (form("latency", html! {
                div.fields {
                    (number("all_ms", "all_ms", "Every request waits, in ms", latency.all_ms.to_string(), ""))
                    (number("sign_ms", "sign_ms", "A sign request waits in addition, in ms", latency.sign_ms.to_string(), ""))
                }
                button type="submit" { "Set the delays" }
            }))
        }
        section aria-labelledby="limit" {
            h2 id="limit" { "Rate limit" }
            (form("rate-limit", html! {
                div.fields { (number("per_second", "per_second", "Requests per second; more get 429 with Retry-After", limit, "no limit")) }
                button type="submit" { "Set the limit" }
            }))
        }
        section aria-labelledby="tsa" {
            h2 id="tsa" { "Time-stamping server" }
            p { code { (console.tsa) } ", " (shared.tsa.queries()) " queries so far" }
            (form("tsa", html! {
                div.fields {
                    p {
                        label for="fault" { "Fault" }
                        select id="fault" name="fault" {
                            @for (word, label, fault) in TSA_FAULTS { option value=(word) selected[fault == tsa.fault] { (label) } }
                        }
                    }
                    (number("tsa-delay", "delay_ms", "Waits, in ms", tsa.delay_ms.to_string(), ""))
                }
                button type="submit" { "Set" }
            }))
        }
        section aria-labelledby="rules" {
            h2 id="rules" { "Fault rules as JSON" }
            p { "All rules in force, as " code { "PUT /faults" } " accepts them: first match, with " code { "skip" } ", " code { "headers" } ", " code { "body" } " and more." }
            (form("rules", html! {
                p {
                    label for="json" { "Rules" }
                    textarea id="json" name="json" rows="8" spellcheck="false" { (before("json", json)) }
                }
                button type="submit" { "Replace all rules" }
            }))
        }
    }
}

/// A rule in one line.
fn described(rule: &Rule) -> String {
    let method = rule.method.as_deref().unwrap_or("every");
    let mut text = format!("{method} {}", rule.path.as_deref().unwrap_or("request"));
    if rule.delay_ms > 0 {
        text.push_str(&format!(", after {} ms", rule.delay_ms));
    }
    if let Some(status) = rule.status {
        text.push_str(&format!(": status {status}"));
    } else if rule.body.is_some() || !rule.headers.is_empty() {
        text.push_str(": another response");
    }
    if rule.half_body {
        text.push_str(", half of the response");
    }
    if rule.drop.is_some() {
        text.push_str(": the connection closes");
    }
    if rule.skip > 0 {
        text.push_str(&format!(", not the next {}", rule.skip));
    }
    if let Some(times) = rule.times {
        text.push_str(&format!(", {times} times"));
    }
    shown(&text)
}

pub fn act(console: &Console, request: &Request, action: &str) -> Result<Answer, Failure> {
    let done = match action {
        "add" => add(console, request).map(|()| "rule"),
        "remove" => remove(console, request).map(|()| "removed"),
        "rules" => replace(console, request).map(|()| "rules"),
        "latency" => latency(console, request).map(|()| "latency"),
        "rate-limit" => limit(console, request).map(|()| "limit"),
        "tsa" => tsa(console, request).map(|()| "tsa"),
        "calm" => calm(console).map(|()| "calm"),
        _ => return Err(Failure::NotFound),
    };
    Ok(match done {
        Ok(done) => Answer::redirect(SECTION, done),
        Err(problem) => console.refused(SECTION, "Faults", &problem, content(console, request)),
    })
}

fn add(console: &Console, request: &Request) -> Result<(), String> {
    let form = &request.form;
    let delay = Duration::from_millis(form.number("delay", "Delay")?.unwrap_or(0));
    let times = form.number("times", "How many requests")?;
    let rule = presets::rule(&console.shared.service, form.get("target"), form.get("effect"), delay, times)
        .ok_or("the requests or the effect are not among the choices; choose from the lists")?;
    console
        .shared
        .weather
        .add_rule(rule)
        .map_err(|mistake| format!("the fault makes no sense ({mistake}); change the form"))
}

fn remove(console: &Console, request: &Request) -> Result<(), String> {
    let number = request.form.number("rule", "Rule")?.ok_or("the rule is missing; reload the page")?;
    console.shared.weather.remove_rule(number);
    Ok(())
}

fn replace(console: &Console, request: &Request) -> Result<(), String> {
    let rules: Vec<Rule> = serde_json::from_str(request.form.get("json"))
        .map_err(|error| format!("Rules are not valid ({error}); enter a JSON array of rules, or [] for none"))?;
    console.shared.weather.set_rules(rules).map_err(|mistake| format!("Rules are not valid ({mistake}); change them"))
}

fn latency(console: &Console, request: &Request) -> Result<(), String> {
    let all_ms = request.form.number("all_ms", "Delay of every request")?.unwrap_or(0);
    let sign_ms = request.form.number("sign_ms", "Delay of a sign request")?.unwrap_or(0);
    console.shared.weather.set_latency(Latency { all_ms, sign_ms });
    Ok(())
}

fn limit(console: &Console, request: &Request) -> Result<(), String> {
    let per_second = request.form.number("per_second", "Requests per second")?;
    console.shared.rate_limit.set(Setting { per_second });
    Ok(())
}

fn tsa(console: &Console, request: &Request) -> Result<(), String> {
    let word = request.form.get("fault");
    let (.., fault) = TSA_FAULTS
        .iter()
        .find(|(known, ..)| *known == word)
        .ok_or_else(|| format!("Fault is not one of the choices ('{word}'); choose one from the list"))?;
    let delay_ms = request.form.number("delay_ms", "Delay")?.unwrap_or(0);
    console.shared.tsa.disturb(Disturbance { fault: *fault, delay_ms });
    Ok(())
}

fn calm(console: &Console) -> Result<(), String> {
    let shared = &console.shared;
    shared.weather.set_rules(Vec::new())?;
    shared.weather.set_latency(Latency::default());
    shared.rate_limit.set(Setting { per_second: None });
    shared.tsa.disturb(Disturbance::default());
    Ok(())
}
