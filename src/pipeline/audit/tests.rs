//! Does a record say what happened, and nothing about whom?

use http::{HeaderMap, Method};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::config::file::{BoundTokens, DenialFormat};
use crate::config::route::{ActionSource, BodyNeed};
use crate::denial::{AccessFlaw, ClosedBy};
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::{Authentication, SignIn};
use crate::pipeline::ownership::{Relation, SubjectFacts, VehicleFacts};
use crate::pipeline::parameters::Parameters;
use crate::pipeline::policy::ActionClass;
use crate::pipeline::policy::recorded::Judged;
use crate::pipeline::quota::QuotaPolicy;
use crate::pipeline::route::{Route, Surface};
use crate::pipeline::switch::Situation;

const VIN: &str = "SJNFAAZE0U6012345";

fn pseudonyms() -> Pseudonyms {
    Pseudonyms::new(&[7; 32]).unwrap()
}

fn head(path: &str, query: &str) -> RequestHead {
    RequestHead {
        id: Uuid::from_u128(1),
        received_at: Duration::from_millis(1_500),
        listener: Arc::from("edge"),
        tls: true,
        certificate: None,
        address: IpAddr::from([192, 0, 2, 1]),
        method: Method::GET,
        host: "mobile.example".to_owned(),
        port: None,
        path: path.to_owned(),
        query: Some(query.to_owned()),
        parameters: Parameters::default(),
        headers: HeaderMap::new(),
        switchable: false,
    }
}

pub(in crate::pipeline) fn route(surface: &str) -> Arc<Route> {
    let surface = Surface {
        name: Arc::from(surface),
        hosts: vec!["mobile.example".to_owned()],
        issuers: Vec::new(),
        certificates: Vec::new(),
        bound_tokens: BoundTokens::AsIssued,
        denial_format: DenialFormat::Problem,
        protected: false,
        client_version: None,
    };
    Arc::new(Route {
        id: Arc::from("mobile.battery"),
        surface: Arc::new(surface),
        methods: vec![Method::GET],
        path: Arc::from("/vehicles/{vin}"),
        where_: std::collections::BTreeMap::new(),
        action: ActionSource::Fixed("ReadBatteryStatus".to_owned()),
        vehicle: None,
        result_key: None,
        guarded: false,
        identity_required: true,
        off: None,
        retired: None,
        upstream: Arc::from("telematics"),
        quotas: Vec::new(),
        body: BodyNeed::Auto,
        websocket: false,
    })
}

fn principal(subject: &str, token_id: &str) -> Principal {
    Principal {
        kind: PrincipalKind::User,
        issuer: Arc::from("owners"),
        subject: subject.to_owned(),
        client: Some("app".to_owned()),
        scopes: Vec::new(),
        fleet: None,
        tenant: None,
        roles: Vec::new(),
        sign_in: SignIn::default(),
        credential: Credential {
            token_id: Some(token_id.to_owned()),
            ..Credential::default()
        },
        pseudonym: pseudonyms().subject("owners", subject),
    }
}

fn findings(principal: Principal, vin: Vin) -> Findings {
    let policy = QuotaPolicy {
        name: Arc::from("commands"),
        quota: 30,
        window: Duration::from_secs(60),
        key: std::collections::BTreeSet::new(),
    };
    Findings {
        nonce_due: false,
        situation: Situation {
            route: Some(route("mobile")),
            action: Some(Arc::new(ActionClass {
                name: Arc::from("ReadBatteryStatus"),
                groups: Vec::new(),
                command: false,
            })),
            principal: Some(Arc::new(principal)),
            vin: Some(vin),
            ..Situation::default()
        },
        relation: Some(Relation {
            known: true,
            word: "owner",
            entitlements: Vec::new(),
            scopes: Vec::new(),
            dealerships: Vec::new(),
            agreements: Vec::new(),
            in_case: false,
        }),
        judged: Some(Judged {
            revision: Arc::from("p1"),
            authentication: Authentication::STEPPED_UP,
            subject: SubjectFacts::default(),
            vehicle: Some(Arc::new(VehicleFacts {
                owner: Some("bob".to_owned()),
                region: "NE".to_owned(),
                capabilities: vec!["climate".to_owned()],
                telematics: true,
                ..VehicleFacts::default()
            })),
        }),
        policies: vec![Arc::from("owner-reads")],
        policy_errors: 1,
        quota: Some(QuotaStanding {
            policy: Arc::new(policy),
            remaining: 29,
            reset: Duration::ZERO,
        }),
        body_digest: Some([0xab; 32]),
        rehearsal: false,
    }
}

fn write(head: Option<&RequestHead>, findings: &Findings, outcome: &Outcome) -> String {
    let facts = Facts {
        listener: "edge",
        head,
        peer: Some(IpAddr::from([198, 51, 100, 7])), // a proxy's: a head's own address counts more
        id: Uuid::from_u128(1),
        received_at: Duration::from_millis(1_500),
        findings,
        outcome,
        status: Some(200),
        duration: Duration::from_micros(250),
        masked: 2,
        shortfall: None,
        rules_revision: &Arc::from("r1"),
        board_revision: 9,
        had_intent: true,
    };
    let record = record(&facts, &pseudonyms());
    assert!(record.had_intent);
    record.line
}

#[test]
fn a_record_says_what_happened_in_a_stable_order() {
    let findings = findings(principal("alice", "jti-1"), Vin::read(VIN).unwrap());
    let line = write(Some(&head("/a", "b=c")), &findings, &Outcome::Forwarded);
    let keys = pseudonyms();
    let (subject, token) = (
        keys.subject("owners", "alice"),
        keys.token("owners", "jti-1"),
    );
    let vin = keys.vin(&Vin::read(VIN).unwrap());
    let expected = format!(
        r#"{{"time":"1970-01-01T00:00:01.500Z","id":"00000000-0000-0000-0000-000000000001","outcome":"forwarded","status":200,"listener":"edge","method":"GET","host":"mobile.example","route":"mobile.battery","surface":"mobile","action":"ReadBatteryStatus","address":"192.0.2.1","principal":{{"kind":"User","issuer":"owners","subject":"{subject}","client":"app","token":"{token}"}},"vin":"{vin}","relation":"owner","policies":["owner-reads"],"policy_errors":1,"quota":{{"policy":"commands","remaining":29}},"rules":"r1","board":9,"masked":2,"duration_us":250}}"#
    );
    assert_eq!(line, expected);
}

#[test]
fn a_refusal_by_policy_and_a_command_are_recorded_with_their_facts() {
    let mut findings = findings(principal("alice", "jti-1"), Vin::read(VIN).unwrap());
    let facts = |findings: &Findings, outcome: &Outcome| {
        let line = write(Some(&head("/a", "b=c")), findings, outcome);
        line.split_once("\"facts\":").map(|(_, rest)| {
            let (facts, _) = rest.split_once(",\"quota\"").unwrap();
            facts.to_owned()
        })
    };
    let bob = pseudonyms().subject("owners", "bob");
    let expected = Some(format!(
        r#"{{"policies":"p1","principal":{{}},"context":{{"strength":"strong","freshness":"fresh"}},"vehicle":{{"known":true,"owner":"{bob}","region":"NE","capabilities":["climate"],"telematics":true}}}}"#
    ));
    for (denial, kept) in [
        (Denial::AccessDenied(AccessFlaw::NotPermitted), true),
        (Denial::AccessDenied(AccessFlaw::PolicyError), true),
        (Denial::StepUpRequired(Arc::from("")), true),
        (Denial::Overloaded, false),
    ] {
        let found = facts(&findings, &Outcome::Denied(denial.clone()));
        assert_eq!(found, expected.clone().filter(|_| kept), "{denial:?}");
    }
    assert_eq!(facts(&findings, &Outcome::Forwarded), None, "a read");
    findings.situation.action = Some(Arc::new(ActionClass {
        name: Arc::from("StartClimate"),
        groups: Vec::new(),
        command: true,
    }));
    assert_eq!(facts(&findings, &Outcome::Forwarded), expected);
    assert_eq!(facts(&findings, &Outcome::Unknown), expected, "an intent");
}

#[test]
fn a_denial_is_recorded_with_its_public_code_and_private_reason() {
    let closed = Denial::Closed(ClosedBy {
        closure: Arc::from("c-1\n\u{1b}"),
        texts: Arc::new([("en".to_owned(), "public".to_owned())].into()),
        remaining: None,
    });
    let table = [
        (
            Denial::AccessDenied(AccessFlaw::UnknownVehicle),
            "access-denied",
            "unknown-vehicle",
        ),
        (Denial::RouteUnknown, "route-unknown", "route-unknown"),
        (closed, "closed", "c-1\n\u{1b}"),
    ];
    for (denial, code, reason) in table {
        let line = write(None, &Findings::default(), &Outcome::Denied(denial));
        assert!(!line.contains(['\n', '\u{1b}']), "{line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["outcome"], "denied");
        assert_eq!(value["code"], code);
        assert_eq!(value["reason"], reason);
        assert_eq!(value.get("method"), None);
    }
}

#[test]
fn what_was_no_request_is_recorded_with_the_peers_address() {
    let line = write(None, &Findings::default(), &Outcome::Unknown);
    assert!(line.contains(r#""address":"198.51.100.7""#), "{line}");
}

#[test]
fn what_a_client_made_up_is_not_recorded() {
    let mut head = head("/", "");
    head.method = Method::from_bytes(VIN.as_bytes()).unwrap();
    head.host = VIN.to_ascii_lowercase();
    for findings in [
        Findings::default(),
        findings(principal("alice", "jti-1"), Vin::read(VIN).unwrap()),
    ] {
        let line = write(
            Some(&head),
            &findings,
            &Outcome::Denied(Denial::RouteUnknown),
        );
        assert!(!line.to_ascii_uppercase().contains(VIN), "{line}");
        assert!(line.contains(r#""method":"_OTHER""#), "{line}");
    }
}

#[test]
fn a_subject_named_as_its_own_client_is_recorded_for_machines_only() {
    for (kind, kept) in [(PrincipalKind::User, false), (PrincipalKind::Client, true)] {
        let mut principal = principal("maria.musterfrau", "jti-1");
        principal.kind = kind;
        principal.client = Some("maria.musterfrau".to_owned());
        let findings = findings(principal, Vin::read(VIN).unwrap());
        let line = write(None, &findings, &Outcome::Forwarded);
        assert_eq!(line.contains("maria.musterfrau"), kept, "{line}");
    }
}

#[test]
fn a_short_pseudonym_key_is_refused() {
    let message = Pseudonyms::new(&[7; 31]).err().unwrap();
    assert_eq!(
        message,
        "a pseudonym key of `31` bytes is too short, 32 are needed"
    );
}

#[test]
fn pseudonyms_of_different_kinds_issuers_and_keys_differ() {
    let (one, other) = (pseudonyms(), Pseudonyms::new(&[8; 32]).unwrap());
    let vin = Vin::read(VIN).unwrap();
    let words = [
        one.vin(&vin),
        other.vin(&vin),
        one.subject("", VIN),
        one.token("", VIN),
        one.subject("a", "bc"),
        one.subject("ab", "c"),
    ];
    for (index, word) in words.iter().enumerate() {
        assert_eq!(word.len(), 32);
        assert!(word.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(!words[..index].contains(word), "{index}");
    }
    assert_eq!(one.vin(&vin), pseudonyms().vin(&vin));
    assert_ne!(one.derive("quota"), one.derive("token-cache"));
    assert_ne!(one.derive("quota"), other.derive("quota"));
}

proptest! {
    #[test]
    fn nothing_personal_is_ever_in_a_line(
        vin in "[A-HJ-NPR-Z0-9]{17}",
        subject in "\\PC{12,40}",
        token_id in "[ -~]{12,40}",
        path in "[ -~\\n]{12,40}",
        query in "[ -~\\r\\n]{12,40}",
        refused in any::<bool>(),
        owner in "\\PC{12,40}",
        owns in any::<bool>(),
    ) {
        let who = Principal {
            scopes: vec![format!("car:{}", vin.to_ascii_lowercase()), format!("user:{subject}")],
            roles: vec![subject.clone()],
            fleet: Some(vin.clone()),
            tenant: Some(format!("{subject}/{vin}")),
            ..principal(&subject, &token_id)
        };
        let mut findings = findings(who, Vin::read(&vin).unwrap());
        let relation = findings.relation.as_mut().unwrap();
        relation.entitlements = vec![subject.clone(), vin.clone()];
        relation.agreements = vec![(vin.clone(), subject.clone())];
        findings.judged.as_mut().unwrap().vehicle = Some(Arc::new(VehicleFacts {
            owner: Some(if owns { subject.clone() } else { owner.clone() }),
            region: vin.clone(),
            trim: subject.clone(),
            capabilities: vec![vin.clone()],
            ..VehicleFacts::default()
        }));
        let denial = Denial::AccessDenied(AccessFlaw::NotPermitted);
        let outcome = if refused { Outcome::Denied(denial) } else { Outcome::Unknown };
        let mut head = head(&path, &query);
        head.headers.insert("authorization", "Bearer secret-of-the-test".parse().unwrap());
        let line = write(Some(&head), &findings, &outcome);
        prop_assert!(!line.contains('\n'));
        let value: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(value.get("facts").is_some(), refused);
        let upper = line.to_ascii_uppercase();
        prop_assert!(!upper.contains(&*vin));
        for secret in [&*vin, &*subject, &*owner, &*token_id, &*path, &*query, "secret-of-the-test"] {
            let escaped = serde_json::to_string(secret).unwrap();
            prop_assert!(!line.contains(secret), "{secret}");
            prop_assert!(!line.contains(escaped.trim_matches('"')), "{secret}");
        }
    }
}
