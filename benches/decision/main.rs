//! How much CPU does a decision take, stage by stage and whole?
//!
//! CPU time of this thread (not wall-clock time: the machine is shared), over real rules (the shipped
//! policies), the real embedded directory, ledger and door. Run by `make bench`.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement that can't be set up is none"
)]

#[path = "../../tests/support/mod.rs"]
mod support;

mod alike;
mod boards;
mod cpu;
mod policies;
mod revoked;
mod setting;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use vingate::denial::Denial;
use vingate::pipeline::audit::{self, Facts, Outcome};
use vingate::pipeline::decide::{Judge, decide};
use vingate::pipeline::quota::{self, Charged};
use vingate::pipeline::switch::Situation;
use vingate::pipeline::{Findings, RequestHead, identity, ownership, vehicle};

use cpu::CpuTime;
use setting::{NoBody, ROUTES, Setting, VIN};

/// The gateway's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn stages(criterion: &mut Criterion<CpuTime>) {
    let at = Setting::new(1_000);
    let head = at.head(&at.headers);
    let (route, path) = at.rules.router.find(&head).unwrap();
    let body = vingate::pipeline::parameters::JudgedBody::Empty;
    let place = route.vehicle.clone().unwrap();
    let mut group = criterion.benchmark_group("stage");
    group.bench_function("head", |b| b.iter(|| at.head(black_box(&at.headers))));
    group.bench_function("door", |b| {
        b.iter(|| black_box(at.ports.door.admit(black_box(head.address))));
    });
    group.bench_function("route", |b| {
        b.iter(|| black_box(at.rules.router.find(black_box(&head))));
    });
    let situation = Situation::at_entrance(Arc::clone(&route), &head, &at.rules.regions);
    group.bench_function("switch", |b| {
        b.iter(|| black_box(situation.check(&at.board, head.received_at)));
    });
    group.bench_function("identity, cached", |b| {
        b.iter(|| identity::identify((&at.rules.issuers, None), &route.surface, black_box(&head)));
    });
    group.bench_function("vehicle", |b| {
        b.iter(|| vehicle::resolve(&place.1, black_box(&head), &path, &body, &at.rules.vins));
    });
    group.finish();
    facts(criterion, &at, &head);
    record(criterion, &at, &head);
}

/// A look-up among 5,000 routes costs what one among a few does.
fn many_routes(criterion: &mut Criterion<CpuTime>) {
    let mut routes = ROUTES.to_owned();
    for index in 0..5_000 {
        let one = ROUTES.replace("battery", &format!("battery-{index}"));
        routes.push_str(&one.replace("/cars/", &format!("/fleet-{}/cars/", index % 70)));
    }
    let at = Setting::with(1_000, &routes);
    let head = at.head(&at.headers);
    criterion.bench_function("stage/route, among 5,000", |b| {
        b.iter(|| black_box(at.rules.router.find(black_box(&head))));
    });
}

/// The stages that need facts from outside.
fn facts(criterion: &mut Criterion<CpuTime>, at: &Setting, head: &RequestHead) {
    let (route, _) = at.rules.router.find(head).unwrap();
    let principal = identity::identify((&at.rules.issuers, None), &route.surface, head)
        .unwrap()
        .principal;
    let vin = vehicle::Vin::read(VIN).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let whose = Charged {
        principal: Some(&principal),
        vin: Some(&vin),
        address: head.address,
    };
    let mut group = criterion.benchmark_group("stage");
    group.bench_function("ownership, embedded", |b| {
        b.iter(|| {
            let facts = runtime
                .block_on(at.ports.directory.find(black_box(&vin)))
                .unwrap();
            ownership::relate(&principal, facts.as_deref(), head.received_at)
        });
    });
    group.bench_function("quota, two", |b| {
        b.iter(|| {
            let charges = quota::charges(&route.quotas, whose, &at.rules.partition_key);
            runtime.block_on(at.ports.ledger.charge(&charges, head.received_at))
        });
    });
    group.finish();
}

/// Of an allowed read, and of a stranger's denial, which holds the facts that it was decided on.
fn record(criterion: &mut Criterion<CpuTime>, at: &Setting, head: &RequestHead) {
    let strange = at.head(&at.stranger);
    let revision = Arc::clone(&at.rules.revision);
    for (name, head) in [("a read", head), ("a denial, with facts", &strange)] {
        let mut findings = Findings::default();
        let outcome = match judge(at, head, &mut findings) {
            Ok(()) => Outcome::Forwarded,
            Err(denial) => Outcome::Denied(denial),
        };
        let write = || {
            let facts = Facts {
                listener: "edge",
                head: Some(head),
                peer: None,
                id: head.id,
                received_at: head.received_at,
                findings: black_box(&findings),
                outcome: &outcome,
                status: Some(200),
                duration: Duration::from_micros(900),
                masked: 0,
                shortfall: None,
                rules_revision: &revision,
                board_revision: 1,
                had_intent: false,
            };
            audit::record(&facts, &at.rules.pseudonyms)
        };
        let bytes = write().line.len();
        let name = format!("stage/audit record of {name} ({bytes} bytes)");
        criterion.bench_function(&name, |b| b.iter(write));
    }
}

fn judge(at: &Setting, head: &RequestHead, findings: &mut Findings) -> Result<(), Denial> {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    }
    let judge = Judge {
        rules: &at.rules,
        board: &at.board,
        revoked: &at.revoked,
        ports: &at.ports,
        recordable: true,
        rehearsal: None,
    };
    RUNTIME.with(|runtime| {
        runtime
            .block_on(decide(judge, head, &mut NoBody, findings))
            .map(|permit| {
                black_box(permit);
            })
    })
}

fn whole(criterion: &mut Criterion<CpuTime>) {
    let at = Setting::new(1_000);
    let mut group = criterion.benchmark_group("decision");
    group.bench_function("permit, head and record included", |b| {
        b.iter(|| {
            let head = at.head(black_box(&at.headers));
            let mut findings = Findings::default();
            judge(&at, &head, &mut findings).unwrap();
            let facts = Facts {
                listener: "edge",
                head: Some(&head),
                peer: None,
                id: head.id,
                received_at: head.received_at,
                findings: &findings,
                outcome: &Outcome::Forwarded,
                status: Some(200),
                duration: Duration::from_micros(900),
                masked: 0,
                shortfall: None,
                rules_revision: &at.rules.revision,
                board_revision: 1,
                had_intent: false,
            };
            audit::record(&facts, &at.rules.pseudonyms)
        });
    });
    group.bench_function("denial (a stranger)", |b| {
        b.iter(|| {
            let head = at.head(black_box(&at.stranger));
            judge(&at, &head, &mut Findings::default()).unwrap_err()
        });
    });
    // One place in the cache and two tokens in turn: every token is verified anew.
    let cold = Setting::new(1);
    group.bench_function("permit, ES256 verified anew", |b| {
        let mut turn = false;
        b.iter(|| {
            turn = !turn;
            let head = cold.head(if turn { &cold.headers } else { &cold.stranger });
            judge(&cold, &head, &mut Findings::default()).is_ok()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = stages, many_routes, policies::decided, revoked::million, boards::full, boards::counts, whole, alike::told
}
criterion_main!(benches);
