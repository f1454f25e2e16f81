//! DigiCert Software Trust Manager's signing API on one machine, for tests.
//!
//! The API follows the published contract of the service, and shares no code with the module that it tests.

mod account;
mod admin;
mod api;
mod background;
mod behaviour;
mod body;
mod cli;
mod client_files;
mod console;
mod digests;
mod errors;
mod faults;
mod guard;
mod journal;
mod keys;
mod pipeline;
mod pki;
mod private;
mod rate_limit;
mod records;
mod seed;
mod server;
mod service;
mod sig_alg;
mod slh;
mod state;
mod stop;
mod store;
mod timestamp;
mod tls;
mod traffic;
mod tsa;

use admin::Admin;
use cli::Cli;
use console::Console;
use guard::Guard;
use pipeline::Shared;
use rate_limit::RateLimit;
use service::Service;
use state::StateDir;
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use store::AddError;
use timestamp::TimeStamper;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tsa::Tsa;

fn main() -> ExitCode {
    let cli = Cli::read();
    if cli.background {
        return match background::start(&cli.state) {
            Ok(text) => {
                println!("{text}");
                ExitCode::SUCCESS
            }
            Err(error) => fail(&*error),
        };
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let result = runtime.block_on(run(cli));
    // A key that is still being generated is not worth waiting for.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

fn fail(error: &dyn Error) -> ExitCode {
    eprintln!("stm-emulator: {error}");
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> Result<(), Box<dyn Error>> {
    // First of all, so that a signal during the start also ends the program cleanly.
    let asked_to_stop = stop::asked()?;
    let pid_file = cli.state.join(PID_FILE);
    let serving = start(cli);
    let result = tokio::select! {
        result = serving => result,
        _ = asked_to_stop => Ok(()),
    };
    // Another emulator may use this directory, and may be the reason for this end.
    if std::fs::read_to_string(&pid_file).is_ok_and(|text| text == own_pid()) {
        let _ = std::fs::remove_file(&pid_file);
    }
    result
}

/// The number of the process that works in a state directory, for the user who stops it.
const PID_FILE: &str = "pid";

fn own_pid() -> String {
    format!("{}\n", std::process::id())
}

/// Opens the state directory, serves, and returns only when something fails.
async fn start(cli: Cli) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(cli.listen).await.map_err(|error| format!("--listen {}: {error}", cli.listen))?;
    let admin = TcpListener::bind(cli.admin).await.map_err(|error| format!("--admin {}: {error}", cli.admin))?;
    let tsa_listener = TcpListener::bind(cli.tsa).await.map_err(|error| format!("--tsa {}: {error}", cli.tsa))?;
    let (address, admin_address) = (listener.local_addr()?, cli.admin_address(admin.local_addr()?));
    let guard = Guard::new(&cli.admin_host);
    let tsa_address = tsa_listener.local_addr()?;
    let written_admin = admin_address.clone();

    // Generating the first keys takes a while, and signals must be handled meanwhile.
    let (service, tls, stamper) = tokio::task::spawn_blocking(move || -> Result<_, Box<dyn Error + Send + Sync>> {
        let service = Service::open(StateDir::open(&cli.state)?, cli.behaviour)?;
        cli.seed.plant(&service).map_err(|error| match error {
            AddError::Duplicate(alias) => format!("two keypairs of the seed are called {alias}"),
            AddError::Io(error) => error.to_string(),
        })?;
        client_files::write_credentials(&service)?;
        client_files::write_env(&service, address, &written_admin, tsa_address)?;
        service.state.write(PID_FILE, own_pid().as_bytes())?;
        let stamper = TimeStamper::open(&service)?;
        let tls = tls::server_config(&service, address.ip()).map_err(|error| error.to_string())?;
        Ok((service, tls, stamper))
    })
    .await?
    .map_err(|error| error as Box<dyn Error>)?;

    let tsa = Arc::new(Tsa::new(stamper));
    let shared = Arc::new(Shared {
        service,
        traffic: Default::default(),
        weather: Default::default(),
        rate_limit: RateLimit::new(rate_limit::Setting { per_second: cli.rate_limit }),
        tsa: tsa.clone(),
    });
    let stamping = tokio::spawn(tsa::serve(tsa_listener, tsa));
    let serving = tokio::spawn(server::serve(listener, TlsAcceptor::from(tls), shared.clone()));
    let console = Arc::new(Console::new(shared.clone(), format!("https://{address}"), format!("http://{tsa_address}")));
    let administering = tokio::spawn(admin::serve(admin, Arc::new(Admin { shared, guard, console })));
    let mut out = std::io::stdout();
    writeln!(out, "ready https://{address} admin http://{admin_address}")?;
    out.flush()?;
    tokio::try_join!(serving, administering, stamping)?;
    Ok(())
}
