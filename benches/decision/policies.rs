//! What does an answer of the policies cost: computed, kept, and among many that are not asked?

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::Criterion;
use vingate::pipeline::identity;
use vingate::pipeline::ownership::{self, SubjectFacts, VehicleFacts};
use vingate::pipeline::policy::{self, Circumstances, PolicySet, Posed, Question, Resource};
use vingate::pipeline::vehicle::Vin;
use vingate::pipeline::{Findings, Principal};

use crate::cpu::CpuTime;
use crate::setting::{Setting, VIN};

/// Policies about other actions.
const FOREIGN: usize = 1_000;

/// The shipped policies.
fn shipped() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/policies"))
}

/// The shipped policies, and many for actions that are not the one that is asked about.
fn among_many() -> PolicySet {
    let folder = tempfile::TempDir::new().unwrap();
    for entry in std::fs::read_dir(shipped()).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    let actions = ["StartClimate", "UnlockDoors", "ReadLocation", "HonkFlash"];
    let mut text = String::new();
    for (number, action) in (0..FOREIGN).zip(actions.iter().cycle()) {
        write!(
            text,
            "@id(\"foreign.{number}\")\n@owner(\"bench\")\n@reason(\"about {action}\")\n\
             permit (principal is User, action == Action::\"{action}\", resource is Vehicle)\n\
             when {{ resource.trim == \"T{number}\" && context.surface == \"bench\" }};\n",
        )
        .unwrap();
    }
    std::fs::write(folder.path().join("foreign.cedar"), text).unwrap();
    PolicySet::load(folder.path()).unwrap()
}

/// What an owner asks: a read, and a command, which more policies are about.
fn questions(at: &Setting, ask: &mut dyn FnMut(&str, Question<'_>)) {
    let head = at.head(&at.headers);
    let (route, _) = at.rules.router.find(&head).unwrap();
    let by = (&at.rules.issuers, None);
    let found = identity::identify(by, &route.surface, &head).unwrap();
    let owner: &Principal = &found.principal;
    let vin = Vin::read(VIN).unwrap();
    let facts = VehicleFacts {
        owner: Some("owner".to_owned()),
        region: "NE".to_owned(),
        trim: "SV".to_owned(),
        capabilities: ["climate", "charging", "location"]
            .map(str::to_owned)
            .into(),
        telematics: true,
        ..VehicleFacts::default()
    };
    let relation = ownership::relate(owner, Some(&facts), Duration::ZERO);
    for (name, action) in [
        ("a read", "ReadBatteryStatus"),
        ("a command", "StartClimate"),
    ] {
        let question = Question {
            principal: owner,
            action,
            resource: Resource::Vehicle(&vin, Some(&facts), &relation),
            context: Circumstances {
                surface: "mobile",
                network: "edge",
                authentication: owner.sign_in.resolve(head.received_at),
                subject: SubjectFacts::default(),
            },
        };
        ask(name, question);
    }
}

/// Computed, whole and the evaluation alone; kept; the same among 1,000 policies for other actions.
pub(crate) fn decided(criterion: &mut Criterion<CpuTime>) {
    let at = Setting::new(1_000);
    let (shipped, many) = (PolicySet::load(shipped()).unwrap(), among_many());
    questions(&at, &mut |name, question| {
        let mut group = criterion.benchmark_group(format!("policy, {name}"));
        for (among, set) in [("shipped", &shipped), ("among 1,000 more", &many)] {
            if name != "a read" && among != "shipped" {
                continue; // the 1,000 are about commands too
            }
            group.bench_function(format!("computed, {among}"), |b| {
                b.iter(|| policy::compute(set, black_box(question)));
            });
            let posed = Posed::of(set, question).unwrap().unwrap();
            assert!(posed.judge().unwrap().outcome.is_ok());
            group.bench_function(format!("evaluation alone, {among}"), |b| {
                b.iter(|| black_box(&posed).judge());
            });
            group.bench_function(format!("kept, {among}"), |b| {
                b.iter(|| policy::evaluate(set, black_box(question), &mut Findings::default()));
            });
        }
        group.finish();
    });
}
