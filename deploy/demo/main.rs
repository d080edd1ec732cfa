//! What does Vingate do in front of an estate as vulnerable as in 2016?
//!
//! One process in the foreground, all on loopback: the estate, an issuer, and the real gateway as a
//! child. Nothing of this is in the `vingate` binary.

mod people;
mod fields;
mod signing;
mod issuer;
mod log;
mod estate;
mod gateway;
mod run_folder;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use clap::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use vingate::cli::{data, talk};

use crate::estate::Estate;
use crate::gateway::{Places, Running, Vingate};
use crate::issuer::Issuer;
use crate::log::Log;
use crate::people::{OWNER_VIN, STRANGER_VIN};
use crate::run_folder::RunFolder;

const START_LIMIT: Duration = Duration::from_secs(20);
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/leaf/vingate.toml");

/// An estate as vulnerable as in 2016, an issuer, and Vingate in front, all on loopback.
#[derive(Debug, Parser)]
#[command(name = "demo")]
struct Args {
    /// Port of the gateway; 0 takes a free one, as for all ports here.
    #[arg(long, env = "DEMO_PORT", default_value_t = 0)]
    port: u16,
    /// Port of the gateway's ops listener.
    #[arg(long, env = "DEMO_OPS_PORT", default_value_t = 0)]
    ops_port: u16,
    /// Port of the issuer.
    #[arg(long, env = "DEMO_ISSUER_PORT", default_value_t = 0)]
    issuer_port: u16,
    /// Port of the estate.
    #[arg(long, env = "DEMO_UPSTREAM_PORT", default_value_t = 0)]
    upstream_port: u16,
    /// Port of the estate's request log.
    #[arg(long, env = "DEMO_CONTROL_PORT", default_value_t = 0)]
    control_port: u16,
    /// File that gets the names and values of this run when it is ready.
    #[arg(long, env = "DEMO_ENV")]
    env: Option<PathBuf>,
    /// File that every request to the estate is appended to.
    #[arg(long, env = "DEMO_LOG")]
    log: Option<PathBuf>,
    /// The gateway; else `vingate` of the same build.
    #[arg(long, env = "VINGATE_BIN")]
    vingate: Option<PathBuf>,
    /// The gateway's configuration.
    #[arg(short, long, default_value = SHIPPED)]
    config: PathBuf,
    /// Passed on to the gateway, after the demo's own.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Without the gateway: the estate and the issuer alone.
    #[arg(long)]
    estate_only: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match demo(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            talk(&format!("demo: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn demo(args: Args) -> Result<()> {
    let mut stop = pin!(stop_signals()?);
    let issuer = Arc::new(Issuer::new()?);
    let servers = Servers::start(&args, &issuer).await?;
    let folder = RunFolder::create(&issuer)?;
    let env = args.env.clone().unwrap_or_else(|| folder.path("env"));
    let mut values = servers.values(&issuer)?;
    if args.estate_only {
        write_environment(&env, &values)?;
        data(&format!("ready: `. {}`", env.display()));
        stop.await;
        return Ok(());
    }
    let vingate = vingate(&args, &folder, servers.upstream)?;
    vingate.import(&folder.path("ownership.jsonl"))?;
    let talk_file = folder.path("gateway.log");
    let mut running = vingate.run(&talk_file)?;
    let started = tokio::select! {
        started = until_ready(&mut running) => started,
        () = &mut stop => return Ok(()), // the gateway goes with its handle
    };
    let places = match started {
        Ok(places) => places,
        Err(error) => return Err(fall(running, &talk_file, &error)),
    };
    values.extend([
        ("GATEWAY_URL", places.edge),
        ("OPS_URL", places.ops),
        ("ADMIN_SOCKET", places.admin),
        ("VINGATE_BIN", vingate.binary.display().to_string()),
    ]);
    write_environment(&env, &values)?;
    data(&TOUR.replace("ENV_FILE", &env.display().to_string()));
    tokio::select! {
        () = stop => {
            let status = running.stop()?;
            talk(&format!("demo: stopped, the gateway with {status}"));
            Ok(())
        }
        () = running.ended() => {
            Err(fall(running, &talk_file, &anyhow!("the gateway died")))
        }
    }
}

/// The gateway is gone or of no use: its last words, before its folder goes.
fn fall(running: Running, talk_file: &Path, error: &anyhow::Error) -> anyhow::Error {
    let status = running
        .stop()
        .map_or_else(|e| e.to_string(), |s| s.to_string());
    let said = std::fs::read_to_string(talk_file).unwrap_or_default();
    let lines: Vec<&str> = said.lines().collect();
    let last: Vec<&str> = lines.iter().rev().take(20).rev().copied().collect();
    anyhow!("{error:#} ({status}); it said:\n{}", last.join("\n"))
}

/// Ctrl-C, SIGTERM, or the terminal goes away.
fn stop_signals() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

fn vingate(args: &Args, folder: &RunFolder, upstream: SocketAddr) -> Result<Vingate> {
    let beside = || {
        let demo = std::env::current_exe()?; // target/PROFILE/examples/demo
        let profile = demo.parent().and_then(Path::parent);
        Ok::<_, anyhow::Error>(profile.context("no folder above the demo")?.join("vingate"))
    };
    let binary = match &args.vingate {
        Some(binary) => binary.clone(),
        None => beside()?,
    };
    let config = args.config.display().to_string();
    let mut words = vec!["-c".to_owned(), config];
    let own = folder.overrides(args.port, args.ops_port, &upstream.to_string());
    for set in own.into_iter().chain(args.set.iter().cloned()) {
        words.extend(["--set".to_owned(), set]);
    }
    Ok(Vingate {
        binary,
        config: words,
    })
}

async fn until_ready(running: &mut Running) -> Result<Places> {
    tokio::time::timeout(START_LIMIT, readiness(running))
        .await
        .unwrap_or_else(|_| bail!("the gateway is not ready after 20 s"))
}

async fn readiness(running: &mut Running) -> Result<Places> {
    let places = running.ready().await?;
    let address = places.ops.trim_start_matches("http://").to_owned();
    while !answers_ready(&address).await.unwrap_or(false) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(places)
}

async fn answers_ready(address: &str) -> Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

/// The servers of this process.
struct Servers {
    upstream: SocketAddr,
    issuer: SocketAddr,
    control: SocketAddr,
}

impl Servers {
    async fn start(args: &Args, issuer: &Arc<Issuer>) -> Result<Self> {
        let log = Arc::new(Log::open(args.log.as_deref())?);
        let estate = Arc::new(Estate::new(Arc::clone(&log), Arc::clone(issuer)));
        Ok(Self {
            upstream: serve(args.upstream_port, estate::pages(estate)).await?,
            issuer: serve(args.issuer_port, issuer::pages(Arc::clone(issuer))).await?,
            control: serve(args.control_port, log::pages(log)).await?,
        })
    }

    fn values(&self, issuer: &Issuer) -> Result<Vec<(&'static str, String)>> {
        let token = |name| {
            let person = people::by_name(name).context("nobody of that name")?;
            issuer.token(person)
        };
        Ok(vec![
            ("UPSTREAM_URL", format!("http://{}", self.upstream)),
            ("ISSUER_URL", format!("http://{}", self.issuer)),
            ("ESTATE_LOG_URL", format!("http://{}/__log", self.control)),
            ("OWNER_TOKEN", token("owner")?),
            ("OWNER_VIN", OWNER_VIN.to_owned()),
            ("STRANGER_TOKEN", token("stranger")?),
            ("STRANGER_VIN", STRANGER_VIN.to_owned()),
            ("DRIVER_TOKEN", token("driver")?),
            ("FLEET_TOKEN", token("fleet-manager")?),
            ("FLEET_VIN", people::FLEET_VIN.to_owned()),
        ])
    }
}

async fn serve(port: u16, pages: Router) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("can't listen on port `{port}`"))?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, pages).await });
    Ok(address)
}

fn write_environment(file: &Path, values: &[(&str, String)]) -> Result<()> {
    let borrowed: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
    run_folder::write_environment(file, &borrowed)
}

const TOUR: &str = include_str!("tour.txt");
