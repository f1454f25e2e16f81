//! The admin port: plain HTTP on loopback, for tests that inspect and control the service, and for browsers.

use crate::body::Reply;
use crate::console::{Console, HEADERS};
use crate::faults::{Latency, Rule};
use crate::guard::{Guard, Refusal};
use crate::pipeline::Shared;
use crate::rate_limit::Setting;
use crate::seed;
use crate::store::AddError;
use crate::tsa::Disturbance;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, VARY};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The longest body, in bytes: enough for many fault rules.
const BODY_LIMIT: usize = 16 << 20;

/// Everything that answers on the admin port.
pub struct Admin {
    pub shared: Arc<Shared>,
    pub guard: Guard,
    pub console: Arc<Console>,
}

/// Accepts connections for ever.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let admin = admin.clone();
        tokio::spawn(async move {
            // Notified when a reader of events does not keep up.
            let dead = Arc::new(Notify::new());
            let handler = service_fn(|request| {
                let (admin, dead) = (admin.clone(), dead.clone());
                async move { Ok::<_, Infallible>(handle(&admin, request, dead).await) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            tokio::select! {
                _ = builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), handler) => {}
                () = dead.notified() => {}
            }
        });
    }
}

/// A status and its JSON.
type Outcome = (u16, Vec<u8>);

/// One call of the admin port.
struct Route {
    method: &'static str,
    path: &'static str,
    does: &'static str,
    run: fn(&Arc<Shared>, &[u8]) -> Result<Outcome, String>,
}

/// All calls; `GET /` shows the table.
static ROUTES: &[Route] = &[
    Route { method: "GET", path: "/", does: "this list", run: index },
    Route { method: "GET", path: "/requests", does: "the requests of the API port, oldest first", run: requests },
    Route { method: "DELETE", path: "/requests", does: "empties that log", run: clear_requests },
    Route { method: "GET", path: "/faults", does: "the rules in force, with what is left of them", run: faults },
    Route {
        method: "PUT",
        path: "/faults",
        does: "sets the rules that make requests fail; [] clears",
        run: set_faults,
    },
    Route { method: "GET", path: "/latency", does: "the delays in force", run: latency },
    Route { method: "PUT", path: "/latency", does: "sets the delays: all_ms, sign_ms", run: set_latency },
    Route { method: "GET", path: "/rate-limit", does: "the limit in force", run: rate_limit },
    Route {
        method: "PUT",
        path: "/rate-limit",
        does: "sets the limit: per_second, null for none",
        run: set_rate_limit,
    },
    Route { method: "POST", path: "/seed", does: "adds keypairs by the thousand: keypairs, prefix", run: seed },
    Route { method: "GET", path: "/tsa", does: "the time-stamping server: fault, delay, queries so far", run: tsa },
    Route { method: "PUT", path: "/tsa", does: "makes it fail or wait: fault, delay_ms; {} clears", run: set_tsa },
    Route { method: "GET", path: "/signatures", does: "every signature recorded, oldest first", run: signatures },
    Route { method: "GET", path: "/stats", does: "connections, TLS handshakes and requests by kind", run: stats },
];

async fn handle(admin: &Arc<Admin>, request: Request<Incoming>, dead: Arc<Notify>) -> Response<Reply> {
    let (parts, body) = request.into_parts();
    let mut response = match admin.guard.admit(&parts) {
        Err(refusal) => refused(&refusal),
        // Not earlier: a page of another site must not even occupy memory.
        Ok(()) => match Limited::new(body, BODY_LIMIT).collect().await {
            Err(_) => json(413, problem("the body is too long")),
            Ok(body) if Console::serves(&parts) => admin.console.handle(parts, body.to_bytes(), dead).await,
            Ok(body) => {
                let (status, text) =
                    call(&admin.shared, parts.method.as_str(), parts.uri.path(), body.to_bytes()).await;
                json(status, text)
            }
        },
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    response
}

fn refused(refusal: &Refusal) -> Response<Reply> {
    json(403, problem(&refusal.to_string()))
}

fn json(status: u16, text: Vec<u8>) -> Response<Reply> {
    let mut response = Response::new(Reply::whole(text.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn call(shared: &Arc<Shared>, method: &str, path: &str, body: Bytes) -> Outcome {
    let at_path: Vec<&Route> = ROUTES.iter().filter(|route| route.path == path).collect();
    match at_path.iter().find(|route| route.method == method) {
        Some(route) => run(route, shared, body).await,
        None if at_path.is_empty() => (404, problem("no such path; GET / lists them")),
        None => (405, problem("no such method for this path; GET / lists them")),
    }
}

/// Not on the serving threads, because a bulk seed takes seconds.
async fn run(route: &Route, shared: &Arc<Shared>, body: Bytes) -> Outcome {
    let (shared, run) = (shared.clone(), route.run);
    match tokio::task::spawn_blocking(move || run(&shared, &body)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(message)) => (400, problem(&message)),
        Err(_) => (500, problem("the emulator failed; its stderr has the cause")),
    }
}

fn problem(message: &str) -> Vec<u8> {
    json!({"error": message}).to_string().into_bytes()
}

fn ok(value: Value) -> Result<Outcome, String> {
    Ok((200, value.to_string().into_bytes()))
}

fn index(_: &Arc<Shared>, _: &[u8]) -> Result<Outcome, String> {
    let calls: Vec<Value> =
        ROUTES.iter().map(|r| json!({"call": format!("{} {}", r.method, r.path), "does": r.does})).collect();
    ok(json!({"stm-emulator": env!("CARGO_PKG_VERSION"), "calls": calls}))
}

fn requests(shared: &Arc<Shared>, _: &[u8]) -> Result<Outcome, String> {
    Ok((200, shared.traffic.log_json()))
}

fn clear_requests(shared: &Arc<Shared>, _: &[u8]) -> Result<Outcome, String> {
    shared.traffic.clear();
    ok(json!({}))
}

fn signatures(shared: &Arc<Shared>, _: &[u8]) -> Result<Outcome, String> {
    let all = shared.service.journal.all();
    let lines: Vec<&crate::journal::SignatureRecord> = all.iter().map(|record| &**record).collect();
    serde_json::to_vec(&lines).map(|json| (200, json)).map_err(|error| error.to_string())
}

fn stats(shared: &Arc<Shared>, _: &[u8]) -> Result<Outcome, String> {
    let stats = shared.traffic.stats(shared.service.store.len(), shared.service.journal.len());
    serde_json::to_vec(&stats).map(|json| (200, json)).map_err(|error| error.to_string())
}

fn faults(shared: &Arc<Shared>, _: &[u8]) -> Result<Outcome, String> {
    ok(json!(shared.weather.rules()))
}

fn set_faults(shared: &Arc<Shared>, body: &[u8]) -> Result<Outcome, String> {
    shared.weather.set_rules(read::<Vec<Rule>>(body)?)?;
    faults(shared, body)
}

fn latency(shared: &Arc<Shared>, _: &[u8]) -> Result<Outcome, String> {
    ok(json!(shared.weather.latency()))
}

fn set_latency(shared: &Arc<Shared>, body: &[u8]) -> Result<Outcome, String> {
    shared.weather.set_latency(read::<Latency>(body)?);
    latency(shared, body)
}

fn rate_limit(shared: &Arc<Shared>, _: &[u8]) -> Result<Outcome, String> {
    ok(json!(shared.rate_limit.setting()))
}

fn set_rate_limit(shared: &Arc<Shared>, body: &[u8]) -> Result<Outcome, String> {
    shared.rate_limit.set(read::<Setting>(body)?);
    rate_limit(shared, body)
}

fn tsa(shared: &Arc<Shared>, _: &[u8]) -> Result<Outcome, String> {
    ok(shared.tsa.report())
}

fn set_tsa(shared: &Arc<Shared>, body: &[u8]) -> Result<Outcome, String> {
    shared.tsa.disturb(read::<Disturbance>(body)?);
    tsa(shared, body)
}

/// The body of `POST /seed`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedOrder {
    keypairs: usize,
    #[serde(default = "SeedOrder::prefix")]
    prefix: String,
}

impl SeedOrder {
    fn prefix() -> String {
        "seeded-".to_owned()
    }
}

/// Lists are kept in memory, and need some kilobytes for each keypair.
const MOST_SEEDED: usize = 100_000;

fn seed(shared: &Arc<Shared>, body: &[u8]) -> Result<Outcome, String> {
    let order: SeedOrder = read(body)?;
    if order.keypairs == 0 || order.keypairs > MOST_SEEDED {
        return Err(format!("keypairs must be between 1 and {MOST_SEEDED}"));
    }
    match seed::bulk(&shared.service, order.keypairs, &order.prefix) {
        Ok(added) => {
            Ok((201, json!({"added": added, "keypairs": shared.service.store.len()}).to_string().into_bytes()))
        }
        Err(AddError::Duplicate(alias)) => Err(format!("there is a keypair {alias} already; choose another prefix")),
        Err(AddError::Io(error)) => Err(format!("the keypairs cannot be kept: {error}")),
    }
}

/// Parses a body strictly: an unknown member is an error, and the message names it.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
