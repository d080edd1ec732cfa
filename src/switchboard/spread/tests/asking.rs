//! Is what all replicas know together told, and who says nothing named?

use super::*;
use crate::switchboard::census::{Census, Counts, Distinct};
use crate::switchboard::fleet::Topic;

/// A replica that served so many requests on surface `mobile` and as many elsewhere.
struct Served(u32);

impl Census for Served {
    fn count(&self, scope: &Scope, key: &FleetKey) -> Counts {
        let hit = if scope.is_surface("mobile") {
            self.0
        } else {
            0
        };
        let mut subjects = Distinct::default();
        (0..hit).for_each(|subject| subjects.add(key.hash(&subject.to_string())));
        Counts {
            window_seconds: 10.0,
            all: self.0.saturating_mul(2),
            hit,
            subjects,
            ..Counts::default()
        }
    }
}

fn serving(name: &str, store: Arc<dyn FleetStore>, requests: u32) -> One {
    let one = One::start(name, store);
    one.spread.set_census(Arc::new(Served(requests)));
    one
}

async fn together(one: &One, number: usize) {
    for _ in 0..1_000 {
        if one.spread.replicas().await.unwrap().len() == number {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never {number} replicas");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_survey_adds_what_every_replica_counted() {
    let store = LocalFleet::new();
    let asked = serving("asked", Arc::new(store.clone()), 10);
    let _others = [20, 30].map(|number| serving("other", Arc::new(store.clone()), number));
    together(&asked, 3).await;
    for (surface, hit) in [("mobile", 60), ("portal", 0)] {
        let survey = asked.spread.survey(&surfaces(surface)).await;
        let counted = survey.counts.iter().map(|counts| counts.hit);
        assert_eq!(counted.sum::<u32>(), hit, "{surface}");
        assert_eq!((survey.counts.len(), survey.counts[0].all), (3, 20));
        assert_eq!((survey.missing, survey.unknown), (vec![], None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_named_and_a_dead_store_is_told() {
    let store = Faulty::over(&LocalFleet::new());
    let asked = serving("asked", Arc::<Faulty>::clone(&store), 10);
    together(&asked, 1).await;
    let minute = Duration::from_secs(60);
    let silent = Replica {
        id: "silent-1".to_owned(),
        name: "silent".to_owned(),
        ..asked.spread.replica()
    };
    let word = key().seal(Kind::Replica, &silent).unwrap();
    let said = store.say(Topic::Replicas, "silent-1", &word, minute);
    said.await.unwrap();
    let survey = asked.spread.survey(&surfaces("mobile")).await;
    assert_eq!(
        (survey.counts.len(), survey.missing),
        (1, vec!["silent".to_owned()])
    );
    store.fail(Some(FleetError::Unreachable));
    let survey = asked.spread.survey(&surfaces("mobile")).await;
    assert_eq!(survey.counts[0].hit, 10, "its own count needs no store");
    assert!(survey.unknown.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forged_or_asked_long_ago_gets_no_answer_and_is_none() {
    let store = LocalFleet::new();
    let asked = serving("asked", Arc::new(store.clone()), 10);
    let _other = serving("other", Arc::new(store.clone()), 20);
    together(&asked, 2).await;
    let minute = Duration::from_secs(60);
    let foreign = FleetKey::new(&[8; 32]).unwrap();
    let ask = |id: &str, key: &FleetKey, ago: u64| {
        let at = u64::try_from(crate::clock::unix_time().as_millis()).unwrap() - ago;
        let question = serde_json::json!({
            "id": id, "by": "somebody", "at": at, "scope": { "surfaces": ["mobile"] },
        });
        key.seal(Kind::Question, &question).unwrap()
    };
    let questions = [
        ("forged", ask("forged", &foreign, 0)),
        ("old", ask("old", &key(), 120_000)),
        ("garbage", "garbage".to_owned()),
        ("fresh", ask("fresh", &key(), 0)),
    ];
    for (name, sealed) in &questions {
        let said = store.say(Topic::Questions, name, sealed, minute);
        said.await.unwrap();
    }
    let mut answers = Vec::new();
    for _ in 0..1_000 {
        answers = store.said(Topic::Answers).await.unwrap();
        if answers.len() >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let both = answers.iter().all(|(name, _)| name.starts_with("fresh/"));
    assert!(both && answers.len() == 2, "{answers:?}");
    // an answer that the fleet didn't seal counts for nothing
    let forging = store.clone();
    let forger = tokio::spawn(async move {
        loop {
            for (id, _) in forging.said(Topic::Questions).await.unwrap() {
                let answer = serde_json::json!({
                    "question": id, "replica": "other",
                    "counts": Counts { hit: 1_000_000, ..Counts::default() },
                });
                let sealed = foreign.seal(Kind::Answer, &answer).unwrap();
                let name = format!("{id}/forged");
                let said = forging.say(Topic::Answers, &name, &sealed, minute);
                said.await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let survey = asked.spread.survey(&surfaces("mobile")).await;
    forger.abort();
    let counted: u32 = survey.counts.iter().map(|counts| counts.hit).sum();
    assert_eq!((survey.counts.len(), counted), (2, 30));
}
