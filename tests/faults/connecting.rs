//! Faults before a connection exists.

use super::fault::*;
use crate::front::Greeting::*;
use crate::front::Plan;
use crate::front::tls::Identity::*;
use Call::*;
use cryptoki_sys::*;

const NONE: Requests = Requests::Exactly(0);

/// Names, addresses, connections.
pub const CONNECTING: &[Fault] = &[
    fails("the name of the service does not exist", Find, Plan::FAIR, "cannot be resolved")
        .requests(NONE)
        .until_deadline()
        .with(&[("SM_HOST", "https://no-such-service.invalid")]),
    fails("the connection is refused", Find, greeted(Refuse), "connection refused by").requests(NONE).until_deadline(),
    fails("the connection is refused", Sign, greeted(Refuse), "connection refused by").requests(NONE).until_deadline(),
    fails("every connection is reset", Find, greeted(Reset), "no connection to 127.0.0.1")
        .requests(NONE)
        .until_deadline(),
    works("one connection is reset", Find, first_greeted(1, Reset), 1),
    works("one connection is reset", Sign, first_greeted(1, Reset), 1),
    fails("connections are accepted, and then nothing", Find, greeted(Silence), "no answer within 2 s")
        .requests(NONE)
        .until_deadline(),
    fails(
        "the handshake is begun and then nothing",
        Sign,
        greeted(SilenceAfterHello),
        "no connection to 127.0.0.1 within 2 s",
    )
    .requests(NONE)
    .until_deadline(),
    fails(
        "the handshake takes longer than SM_CONN_TIMEOUT",
        Find,
        greeted(SilenceAfterHello),
        "no connection to 127.0.0.1 in time",
    )
    .requests(NONE)
    .until_deadline()
    .with(&[("SM_CONN_TIMEOUT", "500")]),
    works("one handshake is broken off", Find, first_greeted(1, ResetAfterHello), 1),
    works("one connection is closed right after the handshake", Find, first_greeted(1, CloseAfterHandshake), 1),
    works("one connection is reset right after the handshake", Find, first_greeted(1, ResetAfterHandshake), 1),
    fails("every connection is closed right after the handshake", Find, greeted(CloseAfterHandshake), "127.0.0.1")
        .requests(NONE)
        .until_deadline(),
    fails(
        "the server does not speak TLS",
        Find,
        greeted(Say("HTTP/1.1 400 Bad Request\r\n\r\n")),
        "the TLS handshake with 127.0.0.1 failed",
    )
    .requests(NONE),
    fails(
        "another kind of server answers",
        Find,
        greeted(Say("220 mail.example ESMTP\r\n")),
        "the TLS handshake with 127.0.0.1 failed",
    )
    .requests(NONE),
    fails("the proxy refuses the connection", Find, Plan::FAIR, "HTTPS_PROXY")
        .requests(NONE)
        .until_deadline()
        .with(&[("HTTPS_PROXY", "http://user:proxy-password@127.0.0.1:9")]),
    fails("the setting names a client certificate that has expired", Find, Plan::FAIR, "expired on")
        .rv(CKR_FUNCTION_FAILED)
        .requests(NONE)
        .with(&[("SM_CLIENT_CERT_FILE", "{state}/client-expired.p12")]),
    fails("wrong password for the client certificate", Find, Plan::FAIR, "wrong password for")
        .rv(CKR_FUNCTION_FAILED)
        .requests(NONE)
        .with(&[("SM_CLIENT_CERT_PASSWORD", "wrong")]),
];

/// Certificates on both sides.
pub const TLS: &[Fault] = &[
    works("TLS 1.2", Find, shown(GoodOld), 1),
    fails("the service's certificate has expired", Find, shown(Expired), "has expired").requests(NONE),
    fails("the service's certificate is not valid yet", Find, shown(Early), "is not valid yet").requests(NONE),
    fails("the service's certificate is for another name", Find, shown(OtherName), "is not for 127.0.0.1")
        .requests(NONE),
    fails(
        "the service's certificate is signed by an unknown CA",
        Find,
        shown(OtherAuthority),
        "signed by an unknown CA",
    )
    .requests(NONE),
    fails(
        "the service's certificate is signed by an unknown CA",
        Sign,
        shown(OtherAuthority),
        "signed by an unknown CA",
    )
    .requests(NONE),
    fails(
        "the client certificate is not accepted (TLS 1.3)",
        Find,
        shown(WantsOtherClient),
        "does not accept the client certificate",
    )
    .requests(NONE),
    fails(
        "the client certificate is not accepted (TLS 1.3)",
        Sign,
        shown(WantsOtherClient),
        "does not accept the client certificate",
    )
    .requests(NONE),
    fails(
        "the client certificate is not accepted (TLS 1.2)",
        Find,
        shown(WantsOtherClientOld),
        "does not accept the client certificate",
    )
    .requests(NONE),
    fails(
        "the emulated service does not know the client certificate's authority",
        Find,
        Plan::FAIR,
        "does not accept the client certificate",
    )
    .requests(NONE)
    .with(&[("SM_HOST", "{emulator}"), ("SM_CLIENT_CERT_FILE", "{state}/client-other.p12")]),
    works("the same, but the service's certificate is not to be checked", Find, shown(OtherAuthority), 1)
        .says("NOT checked")
        .with(&[("SM_TLS_SKIP_VERIFY", "TRUE")]),
];
