//! Is an answer kept for as long as it may be, and never longer?

use std::sync::atomic::AtomicUsize;

use tokio::sync::Notify;

use std::sync::Mutex;

use super::*;

const VIN: &str = "SJNFAAZE0U6012345";
const OTHER: &str = "SJNFAAZE0U6012346";

/// A directory whose owner changes, whose answers can be held back, and that counts.
#[derive(Default)]
struct Elsewhere {
    owner: Mutex<Option<String>>,
    failure: Mutex<Option<LookupError>>,
    held: Mutex<bool>,
    go_on: Notify,
    asked: AtomicUsize,
}

impl Elsewhere {
    fn sell(&self, owner: Option<&str>) {
        *self.owner.lock().unwrap() = owner.map(str::to_owned);
    }

    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.go_on.notify_waiters();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl OwnershipDirectory for Elsewhere {
    async fn find(&self, _: &Vin) -> Answer<Facts> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let owner = self.owner.lock().unwrap().clone(); // as it was when it was asked
        let failure = *self.failure.lock().unwrap();
        loop {
            let going_on = self.go_on.notified();
            if !*self.held.lock().unwrap() {
                break;
            }
            going_on.await;
        }
        match failure {
            Some(failure) => Err(failure),
            None => Ok(owner.map(|owner| {
                Arc::new(VehicleFacts {
                    owner: Some(owner),
                    ..VehicleFacts::default()
                })
            })),
        }
    }

    async fn find_subject(&self, _: &str, subject: &str) -> Answer<SubjectFacts> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let suspended = self.owner.lock().unwrap().as_deref() == Some(subject);
        Ok(SubjectFacts { suspended })
    }

    async fn find_by(&self, _: &IndexKey, most: usize) -> Answer<Hints> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let sold = self.owner.lock().unwrap().is_none();
        let vins = if sold { Vec::new() } else { vec![vin(VIN)] };
        Ok(Hints::first(most, vins))
    }

    async fn find_alias(&self, _: &Alias) -> Answer<Option<Vin>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.owner.lock().unwrap().as_ref().map(|_| vin(VIN)))
    }
}

struct House {
    elsewhere: Arc<Elsewhere>,
    changes: Arc<Changes>,
    directory: KeptDirectory,
}

fn house(max_age: Duration, absent_max_age: Duration) -> House {
    let elsewhere = Arc::new(Elsewhere::default());
    elsewhere.sell(Some("alice"));
    let changes = Arc::new(Changes::told());
    changes.heard(Duration::from_secs(3600));
    let keeping = Keeping {
        entries: 100,
        max_age,
        absent_max_age,
    };
    let store = Arc::<Elsewhere>::clone(&elsewhere);
    let directory = KeptDirectory::new(store, keeping, Arc::clone(&changes));
    House {
        elsewhere,
        changes,
        directory,
    }
}

const LONG: Duration = Duration::from_secs(3600);

fn vin(vin: &str) -> Vin {
    Vin::read(vin).unwrap()
}

impl House {
    async fn owner(&self) -> Option<String> {
        let found = self.directory.find(&vin(VIN)).await.unwrap();
        found.and_then(|facts| facts.owner.clone())
    }
}

#[tokio::test]
async fn an_answer_is_kept_and_absence_too() {
    for owner in [Some("alice"), None] {
        let house = house(LONG, LONG);
        house.elsewhere.sell(owner);
        for _ in 0..3 {
            assert_eq!(house.owner().await.as_deref(), owner);
        }
        assert_eq!(house.elsewhere.asked(), 1);
        house.directory.find(&vin(OTHER)).await.unwrap();
        assert_eq!(house.elsewhere.asked(), 2, "for that vehicle alone");
    }
}

#[tokio::test]
async fn age_limits_end_what_is_kept_each_its_own() {
    for (owner, max_age, absent_max_age) in [
        (Some("alice"), Duration::ZERO, LONG),
        (None, LONG, Duration::ZERO),
    ] {
        let house = house(max_age, absent_max_age);
        house.elsewhere.sell(owner);
        house.owner().await;
        house.elsewhere.sell(Some("bob"));
        assert_eq!(house.owner().await.as_deref(), Some("bob"));
    }
}

#[tokio::test]
async fn sold_is_refused_as_soon_as_it_is_told() {
    let house = house(LONG, LONG);
    assert_eq!(house.owner().await.as_deref(), Some("alice"));
    house.elsewhere.sell(Some("bob"));
    assert_eq!(house.owner().await.as_deref(), Some("alice"), "not told");
    house.changes.vehicle(&vin(VIN));
    assert_eq!(house.owner().await.as_deref(), Some("bob"));
    house.elsewhere.sell(None);
    house.changes.everything();
    assert_eq!(house.owner().await, None);
}

#[tokio::test]
async fn who_asks_fresh_gets_nothing_kept_and_others_profit() {
    let house = house(LONG, LONG);
    house.owner().await;
    house.elsewhere.sell(Some("bob"));
    let found = house.directory.find_fresh(&vin(VIN)).await.unwrap();
    assert_eq!(found.unwrap().owner.as_deref(), Some("bob"));
    assert_eq!(house.owner().await.as_deref(), Some("bob"));
    assert_eq!(house.elsewhere.asked(), 2);
}

#[tokio::test]
async fn out_of_touch_nothing_is_kept_and_nothing_kept_is_used() {
    let house = house(LONG, LONG);
    house.owner().await;
    house.changes.heard(Duration::ZERO); // the lease is over
    house.elsewhere.sell(Some("bob"));
    assert_eq!(house.owner().await.as_deref(), Some("bob"));
    house.elsewhere.sell(Some("carol"));
    assert_eq!(house.owner().await.as_deref(), Some("carol"));
}

#[tokio::test]
async fn many_who_ask_at_once_are_one_look_up() {
    let house = house(LONG, LONG);
    house.elsewhere.hold(true);
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let directory = house.directory.clone();
            tokio::spawn(async move { directory.find(&vin(VIN)).await })
        })
        .collect();
    while house.elsewhere.asked() == 0 {
        tokio::task::yield_now().await;
    }
    house.elsewhere.hold(false);
    for asked in asking {
        assert!(asked.await.unwrap().unwrap().is_some());
    }
    assert_eq!(house.elsewhere.asked(), 1);
    assert!(
        house.directory.vehicles.flights.is_empty(),
        "and nothing is left of it"
    );
}

#[tokio::test]
async fn a_look_up_that_began_before_a_change_serves_nobody_after_it() {
    let house = house(LONG, LONG);
    house.elsewhere.hold(true);
    let directory = house.directory.clone();
    let early = tokio::spawn(async move { directory.find(&vin(VIN)).await });
    while house.elsewhere.asked() == 0 {
        tokio::task::yield_now().await;
    }
    house.elsewhere.sell(Some("bob"));
    house.changes.vehicle(&vin(VIN));
    let directory = house.directory.clone();
    let late = tokio::spawn(async move { directory.find(&vin(VIN)).await });
    while house.elsewhere.asked() == 1 {
        tokio::task::yield_now().await;
    }
    house.elsewhere.hold(false);
    let owner = |found: Answer<Facts>| found.unwrap().unwrap().owner.clone();
    assert_eq!(owner(early.await.unwrap()).as_deref(), Some("alice"));
    assert_eq!(owner(late.await.unwrap()).as_deref(), Some("bob"));
    assert_eq!(
        house.owner().await.as_deref(),
        Some("bob"),
        "whichever came last"
    );
}

#[tokio::test]
async fn a_failure_is_told_to_all_who_wait_and_never_kept() {
    let house = house(LONG, LONG);
    *house.elsewhere.failure.lock().unwrap() = Some(LookupError::TimedOut);
    let found = house.directory.find(&vin(VIN)).await;
    assert_eq!(found, Err(LookupError::TimedOut), "unknown is not absent");
    *house.elsewhere.failure.lock().unwrap() = None;
    assert_eq!(house.owner().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_an_answer_behind() {
    let house = house(LONG, LONG);
    house.elsewhere.hold(true);
    let vin = vin(VIN);
    let found = house.directory.find(&vin);
    let gave_up = tokio::time::timeout(Duration::from_millis(10), found).await;
    assert!(gave_up.is_err());
    house.elsewhere.hold(false);
    while !house.directory.vehicles.flights.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.owner().await.as_deref(), Some("alice"));
    assert_eq!(house.elsewhere.asked(), 1);
}

#[tokio::test]
async fn a_suspension_counts_as_soon_as_it_is_told() {
    let house = house(LONG, LONG);
    house.elsewhere.sell(None); // stands for: nobody is suspended
    let bob = SubjectKey {
        issuer: "owners".to_owned(),
        subject: "bob".to_owned(),
    };
    let suspended = async || {
        let found = house.directory.find_subject(&bob.issuer, &bob.subject);
        found.await.unwrap().suspended
    };
    assert!(!suspended().await);
    house.elsewhere.sell(Some("bob"));
    assert!(!suspended().await, "not told");
    house.changes.subject(&bob);
    assert!(suspended().await);
    assert_eq!(house.elsewhere.asked(), 2);
    // and for who asks fresh though nobody tells: others profit
    house.elsewhere.sell(None);
    let fresh = house
        .directory
        .find_subject_fresh(&bob.issuer, &bob.subject);
    assert!(!fresh.await.unwrap().suspended);
    assert!(!suspended().await);
    assert_eq!(house.elsewhere.asked(), 3);
}

#[tokio::test]
async fn who_leads_to_a_vehicle_is_asked_each_time() {
    let House {
        elsewhere,
        directory,
        ..
    } = house(LONG, LONG);
    let alias = Alias {
        client: "charger".to_owned(),
        alias: "a".to_owned(),
    };
    let case = IndexKey::Case("K1".to_owned());
    let led = async || {
        let hints = directory.find_by(&case, 1).await.unwrap();
        (
            hints.vins.len(),
            directory.find_alias(&alias).await.unwrap(),
        )
    };
    assert_eq!(led().await, (1, Some(vin(VIN))));
    elsewhere.sell(None); // and nobody says so
    assert_eq!(led().await, (0, None));
    assert_eq!(elsewhere.asked(), 4);
}
