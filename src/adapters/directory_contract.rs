//! What does every ownership directory promise?
//!
//! One suite for every store: [`hold`] takes the store as decisions see it, and a closure that fills
//! it from lines of the import form.

use std::sync::Arc;
use std::time::Duration;

use crate::config::file::PrincipalKind;
use crate::pipeline::ownership::{
    Alias, Assignee, Consent, DriverGrant, Hints, IndexKey, RoadsideCase, SubjectFacts,
    VehicleFacts, WorkOrder,
};
use crate::pipeline::ports::OwnershipDirectory;
use crate::pipeline::vehicle::Vin;

/// 2027-01-01T00:00:00Z.
const NEW_YEAR: Duration = Duration::from_secs(1_798_761_600);

const WHOLE: &str = r#"{"vin":"SJNFAAZE0U6012345","owner":"alice","drivers":[{"subject":"bob","entitlements":["StartClimate","StopClimate"],"until":"2027-01-01T00:00:00.5Z"},{"subject":"carol","entitlements":[],"until":null}],"fleet":"post","region":"NE","trim":"SV","capabilities":["climate","charging"],"telematics":true,"consents":[{"client":"charger","scopes":["read_status","control"],"until":"2027-01-01T00:00:00Z"}],"work_orders":[{"id":"W1","dealership":"north","technician":"tom","agreed":["ReadDiagnostics"],"until":"2027-01-01T00:00:00Z"},{"id":"W1","dealership":"north","role":"adviser","until":"2027-01-01T00:00:00Z"}],"cases":[{"case":"K1","agent":"gil","until":"2027-01-01T00:00:00Z"}],"suspended":true}"#;
const SUSPENDED: &str = r#"{"issuer":"owners","subject":"bob","suspended":true}"#;
const RESTORED: &str = r#"{"issuer":"owners","subject":"bob","suspended":false}"#;
const BARE: &str = r#"{"vin":"JN1AZ0CP5BT000082","owner":null,"drivers":[],"fleet":null,"region":"NML","trim":"S","capabilities":[],"telematics":false}"#;
const SOLD: &str = r#"{"vin":"SJNFAAZE0U6012345","owner":"zoë \"quoted\"","drivers":[],"fleet":null,"region":"NE","trim":"SV","capabilities":["climate"],"telematics":true}"#;

fn whole() -> VehicleFacts {
    let grant = |subject: &str, entitlements: &[&str], until| DriverGrant {
        subject: subject.to_owned(),
        entitlements: entitlements.iter().map(|&word| word.to_owned()).collect(),
        until,
    };
    VehicleFacts {
        owner: Some("alice".to_owned()),
        drivers: vec![
            grant(
                "bob",
                &["StartClimate", "StopClimate"],
                Some(Duration::from_millis(1_798_761_600_500)),
            ),
            grant("carol", &[], None),
        ],
        fleet: Some("post".to_owned()),
        region: "NE".to_owned(),
        trim: "SV".to_owned(),
        capabilities: vec!["climate".to_owned(), "charging".to_owned()],
        telematics: true,
        consents: vec![Consent {
            client: "charger".to_owned(),
            scopes: vec!["read_status".to_owned(), "control".to_owned()],
            until: Some(NEW_YEAR),
        }],
        work_orders: vec![
            order(Assignee::Technician("tom".to_owned()), &["ReadDiagnostics"]),
            order(Assignee::Role("adviser".to_owned()), &[]),
        ],
        cases: vec![RoadsideCase {
            case: "K1".to_owned(),
            agent: "gil".to_owned(),
            until: NEW_YEAR,
        }],
        suspended: true,
    }
}

fn order(assignee: Assignee, agreed: &[&str]) -> WorkOrder {
    WorkOrder {
        id: "W1".to_owned(),
        dealership: "north".to_owned(),
        assignee,
        agreed: agreed.iter().map(|&word| word.to_owned()).collect(),
        until: NEW_YEAR,
    }
}

/// Facts of subjects: set, taken back, and of one issuer alone.
async fn hold_subjects(directory: &dyn OwnershipDirectory, fill: &dyn Fn(&str)) {
    let says = async |issuer, subject, suspended, why: &str| {
        let facts = directory.find_subject(issuer, subject).await;
        assert_eq!(facts, Ok(SubjectFacts { suspended }), "{why}");
    };
    says("owners", "bob", false, "nobody is suspended at first").await;
    fill(SUSPENDED);
    says("owners", "bob", true, "a suspended subject is").await;
    says("owners", "bo", false, "another subject is not").await;
    says("dealers", "bob", false, "one of another issuer is not").await;
    says("owner", "sbob", false, "issuer and subject stay apart").await;
    fill(RESTORED);
    says("owners", "bob", false, "it is taken back").await;
}

const LENT: &str = r#"{"vin":"JN1AZ0CP5BT000082","owner":null,"drivers":[{"subject":"zoë \"quoted\"","entitlements":[],"until":"2020-01-01T00:00:00Z"}],"fleet":null,"region":"NML","trim":"S","capabilities":[],"telematics":false}"#;

/// Which vehicles a person or a case leads to.
async fn lead_to(directory: &dyn OwnershipDirectory, led: &[(IndexKey, &[&str])], why: &str) {
    for (key, expected) in led {
        let hints = directory.find_by(key, 10).await.expect("an answer");
        let mut vins: Vec<&str> = hints.vins.iter().map(Vin::as_str).collect();
        vins.sort_unstable();
        assert_eq!((vins.as_slice(), hints.more), (*expected, false), "{why}");
    }
}

fn user(name: &str) -> IndexKey {
    IndexKey::Subject(PrincipalKind::User, name.to_owned())
}

fn case(name: &str) -> IndexKey {
    IndexKey::Case(name.to_owned())
}

/// Everybody whom the whole record names, and the case.
fn of_whole<'a>(vins: &'a [&'a str]) -> Vec<(IndexKey, &'a [&'a str])> {
    let subject = |kind, name: &str| IndexKey::Subject(kind, name.to_owned());
    let keys = [
        user("alice"),
        user("bob"),
        user("carol"),
        subject(PrincipalKind::Client, "charger"),
        subject(PrincipalKind::Technician, "tom"),
        subject(PrincipalKind::Agent, "gil"),
        case("K1"),
    ];
    keys.into_iter().map(|key| (key, vins)).collect()
}

/// Whom a record names leads to its vehicle, for as long as it names them.
async fn hold_index(directory: &dyn OwnershipDirectory, fill: &dyn Fn(&str)) {
    let first = "SJNFAAZE0U6012345";
    fill(WHOLE);
    lead_to(directory, &of_whole(&[first]), "whom it names leads to it").await;
    let others: [(IndexKey, &[&str]); 3] =
        [(user("ali"), &[]), (user("K1"), &[]), (case("K"), &[])];
    lead_to(directory, &others, "nobody else does").await;
    fill(SOLD);
    lead_to(
        directory,
        &of_whole(&[]),
        "whom it named leads there no more",
    )
    .await;
    let new: [(IndexKey, &[&str]); 1] = [(user("zoë \"quoted\""), &[first])];
    lead_to(directory, &new, "the new owner leads to it").await;
}

/// Several vehicles of one person: as many as are asked for, and whether there are more.
async fn hold_bounds(directory: &dyn OwnershipDirectory, fill: &dyn Fn(&str)) {
    fill(LENT);
    let found = async |most| {
        let hints = directory.find_by(&user("zoë \"quoted\""), most).await;
        let Hints { vins, more } = hints.expect("an answer");
        (vins.len(), more)
    };
    assert_eq!(found(1).await, (1, true), "one of two");
    assert_eq!(found(2).await, (2, false), "what has ended is named still");
    assert_eq!(found(usize::MAX).await, (2, false), "no bound is a bound");
}

/// Aliases: of one partner, until they are forgotten.
async fn hold_aliases(directory: &dyn OwnershipDirectory, fill: &dyn Fn(&str)) {
    let means = async |client: &str, alias: &str, expected: Option<&str>, why: &str| {
        let alias = Alias {
            client: client.to_owned(),
            alias: alias.to_owned(),
        };
        let vin = directory.find_alias(&alias).await.expect("an answer");
        assert_eq!(vin.as_ref().map(Vin::as_str), expected, "{why}");
    };
    let [first, second] = ["SJNFAAZE0U6012345", "JN1AZ0CP5BT000082"];
    let line = |vin: &str| format!(r#"{{"alias":"a/1","client":"charger","vin":{vin}}}"#);
    means("charger", "a/1", None, "no alias at first").await;
    fill(&line(&format!("{first:?}")));
    means("charger", "a/1", Some(first), "an alias means a car").await;
    means("tracker", "a/1", None, "another partner's means none").await;
    means("charger", "a", None, "another alias means none").await;
    means("chargera", "/1", None, "client and alias stay apart").await;
    fill(&line(&format!("{second:?}")));
    means("charger", "a/1", Some(second), "it can mean another car").await;
    fill(&line("null"));
    means("charger", "a/1", None, "it is forgotten").await;
}

fn bare_of(region: &str, trim: &str) -> VehicleFacts {
    VehicleFacts {
        region: region.to_owned(),
        trim: trim.to_owned(),
        ..VehicleFacts::default()
    }
}

/// Holds `directory`, empty at first, to the contract.
pub(crate) async fn hold(directory: Arc<dyn OwnershipDirectory>, fill: &dyn Fn(&str)) {
    let bare = bare_of("NML", "S");
    let [first, second, neighbour] = [
        "SJNFAAZE0U6012345",
        "JN1AZ0CP5BT000082",
        "SJNFAAZE0U6012346",
    ];
    let says = async |vin, expected: Option<&VehicleFacts>, why: &str| {
        let vin = Vin::read(vin).expect("a VIN");
        let found = directory.find(&vin).await.expect("an answer");
        assert_eq!(found.as_deref(), expected, "{why}");
    };
    says(first, None, "an empty directory knows nothing").await;
    lead_to(&*directory, &of_whole(&[]), "nobody leads anywhere").await;
    fill(&format!("{WHOLE}\n{BARE}\n"));
    says(first, Some(&whole()), "every fact comes back").await;
    says(second, Some(&bare), "null stays null").await;
    says(neighbour, None, "absent is an answer").await;
    let sold = VehicleFacts {
        owner: Some("zoë \"quoted\"".to_owned()),
        capabilities: vec!["climate".to_owned()],
        telematics: true,
        ..bare_of("NE", "SV")
    };
    fill(SOLD);
    says(first, Some(&sold), "a record is replaced whole").await;
    says(second, Some(&bare), "others stay").await;
    hold_index(&*directory, fill).await;
    hold_bounds(&*directory, fill).await;
    hold_aliases(&*directory, fill).await;
    hold_subjects(&*directory, fill).await;
}

/// A store that takes whole snapshots and gives them out again.
pub(crate) struct Whole<'a> {
    pub(crate) directory: Arc<dyn OwnershipDirectory>,
    pub(crate) fill: &'a dyn Fn(&str),
    /// Whether the lines were taken as a snapshot.
    pub(crate) replace: &'a dyn Fn(&str) -> bool,
    pub(crate) export: &'a dyn Fn() -> String,
}

impl Whole<'_> {
    async fn knows(&self, vin: &str) -> bool {
        let vin = Vin::read(vin).expect("a VIN");
        self.directory
            .find(&vin)
            .await
            .expect("an answer")
            .is_some()
    }

    async fn means(&self, alias: &str) -> Option<String> {
        let (client, alias) = ("charger".to_owned(), alias.to_owned());
        let found = self.directory.find_alias(&Alias { client, alias }).await;
        found.expect("an answer").map(|vin| vin.as_str().to_owned())
    }

    async fn suspends(&self, subject: &str) -> bool {
        let found = self.directory.find_subject("owners", subject).await;
        found.expect("an answer").suspended
    }
}

/// Holds a store, empty at first, to what is promised of snapshots.
pub(crate) async fn hold_whole(whole: Whole<'_>) {
    let [first, second] = ["SJNFAAZE0U6012345", "JN1AZ0CP5BT000082"];
    let alias =
        |name: &str, vin: &str| format!(r#"{{"alias":"{name}","client":"charger","vin":"{vin}"}}"#);
    let others = SUSPENDED.replace("bob", "eve") + "\n" + &alias("old", first);
    (whole.fill)(&format!("{WHOLE}\n{SUSPENDED}\n{others}\n"));
    let snapshot = format!("{LENT}\n{}\n{RESTORED}\n", alias("new", second));
    assert!((whole.replace)(&snapshot), "a snapshot");
    hold_rest(&whole, [first, second]).await;
    hold_export(&whole).await;
}

/// A snapshot is there, and nothing else but suspensions.
async fn hold_rest(whole: &Whole<'_>, [first, second]: [&str; 2]) {
    let (gone, there) = (whole.knows(first).await, whole.knows(second).await);
    assert_eq!((gone, there), (false, true), "what it says is there alone");
    lead_to(
        &*whole.directory,
        &of_whole(&[]),
        "nobody leads to what is gone",
    )
    .await;
    let lent: [(IndexKey, &[&str]); 1] = [(user("zoë \"quoted\""), &[second])];
    lead_to(&*whole.directory, &lent, "whom it names leads there").await;
    let (old, new) = (whole.means("old").await, whole.means("new").await);
    assert_eq!((old, new.as_deref()), (None, Some(second)), "aliases too");
    let (bob, eve) = (whole.suspends("bob").await, whole.suspends("eve").await);
    assert_eq!((bob, eve), (false, true), "a suspension ends if it says so");
}

/// What comes out is what is in force, and can come in again.
async fn hold_export(whole: &Whole<'_>) {
    let text = (whole.export)();
    let kinds: Vec<bool> = text.lines().map(|line| line.contains("eve")).collect();
    assert_eq!(
        kinds,
        [false, true, false],
        "a vehicle, a subject, an alias: {text}"
    );
    for nothing in ["", "\n", "garbage", &format!("{BARE}\n{BARE}")] {
        assert!(!(whole.replace)(nothing), "no snapshot");
        assert!((whole.export)() == text, "nothing of it is in force");
    }
    (whole.fill)(SOLD);
    assert!(
        whole.knows("SJNFAAZE0U6012345").await,
        "an import adds to it"
    );
    assert!((whole.replace)(&text), "what came out");
    assert!((whole.export)() == text, "comes out again");
}
