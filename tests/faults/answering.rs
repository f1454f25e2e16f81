//! Faults while a request is sent, executed or answered.

use super::fault::*;
use crate::front::Step::*;
use Call::*;

const MAYBE: &str = "not retried, because it may have been executed";

/// Connections that break or stall at every stage of a sign request.
pub const SIGNING: &[Fault] = &[
    fails("reset when the request has been read", Sign, on("POST", &[Reset]), MAYBE),
    fails("closed when the request has been read", Sign, on("POST", &[Close]), MAYBE),
    fails("closed without farewell when the request has been read", Sign, on("POST", &[CloseRudely]), MAYBE),
    fails("silent when the request has been read", Sign, on("POST", &[Silence]), MAYBE).until_deadline(),
    fails("reset after the execution", Sign, on("POST", &[Forward, Reset]), MAYBE).executed(),
    fails("closed after the execution", Sign, on("POST", &[Forward, Close]), MAYBE).executed(),
    fails("silent after the execution", Sign, on("POST", &[Forward, Silence]), MAYBE).executed().until_deadline(),
    fails("reset after half the head of the answer", Sign, on("POST", &[Forward, Part(5), Wait(50), Reset]), MAYBE)
        .executed(),
    fails("closed after half the head of the answer", Sign, on("POST", &[Forward, Part(5), Close]), MAYBE).executed(),
    fails("silent after half the head of the answer", Sign, on("POST", &[Forward, Part(5), Silence]), MAYBE)
        .executed()
        .until_deadline(),
    fails("reset after half the body of the answer", Sign, on("POST", &[Forward, Part(80), Wait(50), Reset]), MAYBE)
        .executed(),
    fails("closed after half the body of the answer", Sign, on("POST", &[Forward, Part(80), Close]), MAYBE).executed(),
    fails("silent after half the body of the answer", Sign, on("POST", &[Forward, Part(80), Silence]), MAYBE)
        .executed()
        .until_deadline(),
    works("closed after the answer", Sign, on("POST", &[Forward, Answer, Close]), 1),
    works("reset after the answer", Sign, on("POST", &[Forward, Answer, Wait(50), Reset]), 1),
    works("answered a byte at a time, within the deadline", Sign, on("POST", &[Forward, Drip(1)]), 1),
    fails("answered a byte at a time, for longer than the deadline", Sign, on("POST", &[Forward, Drip(50)]), MAYBE)
        .executed()
        .until_deadline(),
    works("answered late, within the deadline", Sign, on("POST", &[Forward, Wait(1000), Answer]), 1),
    fails("answered after the deadline", Sign, on("POST", &[Forward, Wait(3500), Answer]), MAYBE)
        .executed()
        .until_deadline(),
    fails("a response that is not HTTP", Sign, on("POST", &[Forward, Raw("what?\r\n\r\n"), Wait(50), Close]), MAYBE)
        .executed(),
    fails(
        "an answer of two lengths",
        Sign,
        on(
            "POST",
            &[
                Forward,
                Raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{\"a\":1}"),
                Wait(50),
                Close,
            ],
        ),
        MAYBE,
    )
    .executed(),
    fails(
        "a chunk of no length",
        Sign,
        on("POST", &[Forward, Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), Wait(50), Close]),
        MAYBE,
    )
    .executed(),
    fails("a head without end", Sign, on("POST", &[Raw("HTTP/1.1 200 OK\r\nX: "), Flood(2 << 20), Close]), MAYBE),
    works(
        "a first answer that says nothing yet",
        Sign,
        on("POST", &[Raw("HTTP/1.1 100 Continue\r\n\r\n"), Forward, Answer]),
        1,
    ),
    works("a second answer that nobody asked for", Sign, on("POST", &[Forward, Answer, Answer]), 1),
];

/// The same for a read, which is retried.
pub const READING: &[Fault] = &[
    works("reset once when the request has been read", Find, first(1, "GET", &[Reset]), 2),
    works("closed once when the request has been read", Find, first(1, "GET", &[Close]), 2),
    works(
        "reset once after half the head of the answer",
        Find,
        first(1, "GET", &[Forward, Part(5), Wait(20), Reset]),
        2,
    ),
    works("closed once after half the body of the answer", Find, first(1, "GET", &[Forward, Part(80), Close]), 2),
    works("closed three times", Find, first(3, "GET", &[Close]), 4),
    fails("always reset when the request has been read", Find, on("GET", &[Reset]), "broke before the answer")
        .again_and_again(),
    fails(
        "always closed after half the body of the answer",
        Find,
        on("GET", &[Forward, Part(80), Close]),
        "in the middle of the answer",
    )
    .again_and_again(),
    fails("silent when the request has been read", Find, on("GET", &[Silence]), "no answer within 2 s")
        .until_deadline(),
    fails(
        "silent after half the head of the answer",
        Find,
        on("GET", &[Forward, Part(5), Silence]),
        "no answer within 2 s",
    )
    .until_deadline(),
    fails(
        "silent after half the body of the answer",
        Find,
        on("GET", &[Forward, Part(80), Silence]),
        "no answer within 2 s",
    )
    .until_deadline(),
    fails(
        "answered a byte at a time, for longer than the deadline",
        Find,
        on("GET", &[Forward, Drip(50)]),
        "no answer within 2 s",
    )
    .until_deadline(),
];

/// Creating a keypair, which must also happen only once.
pub const MAKING: &[Fault] = &[
    fails("reset when the request has been read", Generate, on("POST", &[Reset]), MAYBE),
    fails("silent when the request has been read", Generate, on("POST", &[Silence]), MAYBE).until_deadline(),
];
