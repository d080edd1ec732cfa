//! Do boards agree in whatever order they hear of changes, and does the index say what a scan says?

use super::*;

/// Few values in each dimension, so that random boards and places meet.
fn values(prefix: &'static str) -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set((0..4u8).prop_map(move |n| format!("{prefix}{n}")), 0..2)
}

fn scopes() -> impl Strategy<Value = Scope> {
    let estate = (
        values("s"),
        values("n"),
        values("r"),
        values("a"),
        values("u"),
    );
    let people = (
        values("w"),
        values("c"),
        values("t"),
        values("i/p"),
        values("v"),
    );
    (estate, people, prop::bool::weighted(0.05)).prop_map(|(estate, people, all)| {
        if all {
            return Scope {
                all,
                ..Scope::default()
            };
        }
        let (surfaces, regions, routes, actions, upstreams) = estate;
        let (client_versions, clients, tenants, subjects, vehicles) = people;
        Scope {
            all,
            surfaces,
            regions,
            routes,
            actions,
            upstreams,
            client_versions,
            clients,
            tenants,
            subjects,
            vehicles,
        }
    })
}

fn states() -> impl Strategy<Value = State> {
    let stages = [
        Share::Testers,
        Share::One,
        Share::Ten,
        Share::Fifty,
        Share::All,
    ];
    let ramps = (prop::bool::ANY, prop::sample::select(stages.to_vec()));
    prop_oneof![
        Just(State::Open),
        Just(State::ReadOnly),
        Just(State::Closed),
        ramps.prop_map(|(only_commands, stage)| {
            let from = if only_commands {
                Shut::ReadOnly
            } else {
                Shut::Closed
            };
            ramp(from, stage)
        }),
    ]
}

fn closures(most: usize) -> impl Strategy<Value = Vec<Arc<Closure>>> {
    // few ids and revisions, so that versions of one closure meet and collide
    let one = (
        0..6u8,
        1..5u64,
        scopes(),
        states(),
        prop::option::of(0..3u64),
    );
    let one = one.prop_map(|(id, revision, scope, state, expires_at)| {
        Arc::new(Closure {
            revision,
            expires_at,
            ..in_state(&format!("c-{id}"), scope, state)
        })
    });
    proptest::collection::vec(one, 0..most)
}

fn same(one: &Board, other: &Board) -> bool {
    one.revision() == other.revision() && one.closures().eq(other.closures())
}

/// What a request tells of its client's version.
#[derive(Debug, Clone)]
enum Told {
    NotAsked,
    Unknown,
    Known(String),
}

#[derive(Debug)]
struct Somewhere {
    estate: [String; 5],
    vehicle_region: VehicleRegion<String>,
    version: Told,
    who: Option<[String; 3]>,
    vehicle: Option<String>,
    command: bool,
}

fn somewhere() -> impl Strategy<Value = Somewhere> {
    let word = |prefix: &'static str| (0..4u8).prop_map(move |n| format!("{prefix}{n}"));
    (
        (word("s"), word("n"), word("r"), word("a"), word("u")),
        prop_oneof![
            Just(VehicleRegion::NotAsked),
            Just(VehicleRegion::Unlisted),
            word("n").prop_map(VehicleRegion::Listed),
        ],
        prop_oneof![
            Just(Told::NotAsked),
            Just(Told::Unknown),
            word("w").prop_map(Told::Known),
        ],
        prop::option::of((word("c"), word("t"), word("p"))),
        prop::option::of(word("v")),
        prop::bool::ANY,
    )
        .prop_map(
            |((s, n, r, a, u), vehicle_region, version, who, vehicle, command)| Somewhere {
                estate: [s, n, r, a, u],
                vehicle_region,
                version,
                who: who.map(|(c, t, p)| [c, t, p]),
                vehicle,
                command,
            },
        )
}

impl Somewhere {
    fn place(&self) -> Place<'_> {
        let [surface, region, route, action, upstream] = &self.estate;
        Place {
            surface,
            route,
            upstream,
            region: Some(region),
            vehicle_region: match &self.vehicle_region {
                VehicleRegion::NotAsked => VehicleRegion::NotAsked,
                VehicleRegion::Unlisted => VehicleRegion::Unlisted,
                VehicleRegion::Listed(name) => VehicleRegion::Listed(name),
            },
            version: match &self.version {
                Told::NotAsked => Version::NotAsked,
                Told::Unknown => Version::Unknown,
                Told::Known(version) => Version::Known(version),
            },
            action: Some(Act {
                name: action,
                groups: &[],
                command: self.command,
            }),
            caller: match &self.who {
                None => Caller::Nobody,
                Some([client, tenant, subject]) => Caller::Known(Who {
                    issuer: "i",
                    subject,
                    client: Some(client),
                    tenant: Some(tenant),
                }),
            },
            vehicle: self.vehicle.as_deref(),
        }
    }
}

/// Says it closure by closure, without the index.
fn scan(closures: &[Arc<Closure>], place: Place<'_>) -> Option<(Shut, String)> {
    let subject = place
        .who()
        .map(|who| format!("{}/{}", who.issuer, who.subject));
    let found = closures
        .iter()
        .filter(|closure| place::covers(&closure.scope, place, subject.as_deref()))
        .filter_map(|closure| Some((place::effect(closure, place)?, closure)));
    let worst = found.max_by_key(|(shut, closure)| {
        let end = closure.expires_at.unwrap_or(u64::MAX);
        (*shut, end, std::cmp::Reverse(closure.id.clone()))
    });
    worst.map(|(shut, closure)| (shut, closure.id.clone()))
}

proptest! {
    #[test]
    fn the_index_finds_what_a_scan_over_all_closures_finds(
        closures in closures(24), at in somewhere(),
    ) {
        let board = Board::new(1, closures);
        let all: Vec<_> = board.closures().cloned().collect();
        let found = board.judge(at.place());
        let found = found.map(|refusal| (refusal.shut, refusal.closure.id.clone()));
        prop_assert_eq!(found, scan(&all, at.place()));
    }

    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        one in closures(8), two in closures(8), three in closures(8),
    ) {
        let [one, two, three] = [one, two, three].map(|closures| Board::new(0, closures));
        prop_assert!(same(&one.merge(&two), &two.merge(&one)));
        prop_assert!(same(&one.merge(&two).merge(&three), &one.merge(&two.merge(&three))));
        prop_assert!(same(&one.merge(&one), &one));
        let all = one.merge(&two);
        prop_assert!(same(&all.merge(&one), &all));
        prop_assert_eq!(all.beyond(&one).count() == 0, same(&all, &one.merge(&Board::new(all.revision(), []))));
    }

    #[test]
    fn an_older_revision_never_reopens_what_a_newer_one_closed(
        board in closures(8), newer in (scopes(), 5..9u64), at in somewhere(),
    ) {
        let (scope, revision) = newer;
        let closed = Closure { revision, ..closure("c-1", scope) };
        let with = Board::new(0, [Arc::new(closed)]);
        let merged = with.merge(&Board::new(0, board));
        let counts = merged.get("c-1").map(|closure| closure.revision);
        prop_assert_eq!(counts, Some(revision));
        prop_assert!(with.judge(at.place()).is_none() || merged.judge(at.place()).is_some());
    }

    #[test]
    fn a_closure_only_removes_and_its_end_restores(
        others in closures(8), scope in scopes(), at in somewhere(),
    ) {
        let before = Board::new(0, others);
        let one = Closure { id: "c-x".to_owned(), ..closure("c-x", scope) };
        let during = before.with(one.clone());
        let open = changes::set(&one, State::Open, closure::What::Open, by(2)).unwrap();
        let after = during.with(open);
        let judge = |board: &Board| board.judge(at.place()).map(|found| (found.shut, found.closure.id.clone()));
        prop_assert!(judge(&before).map(|found| found.0) <= judge(&during).map(|found| found.0));
        prop_assert_eq!(judge(&before), judge(&after));
    }
}
