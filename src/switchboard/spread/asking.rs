//! What do all replicas of a fleet know together?
//!
//! One asks, through the fleet's store; each that is alive answers once, within a moment. Nothing
//! depends on an answer: who doesn't give one is named.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::clock;
use crate::switchboard::Scope;
use crate::switchboard::census::{Counts, Survey};
use crate::switchboard::fleet::{FleetError, Topic};
use crate::switchboard::seal::Kind;
use crate::switchboard::spread::Spread;
use crate::switchboard::spread::step::FRESH;
use crate::switchboard::spread::tell::milliseconds;
use crate::switchboard::timekeeping::Witness;

/// How long answers are waited for: an operator waits with them.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks for answers.
const LOOK: Duration = Duration::from_millis(50);

/// How long a question can be read, and an answer.
const LIFE: Duration = Duration::from_secs(5);

/// How long it is remembered that a question was answered: longer than one can be fresh.
const REMEMBERED: Duration = Duration::from_secs(180);

/// What a closure of this scope would hit.
#[derive(Deserialize, Serialize)]
struct Question {
    /// Never used again.
    id: String,
    /// Id of the replica that asks.
    by: String,
    /// Milliseconds since the Unix epoch, by its clock.
    at: u64,
    scope: Scope,
}

#[derive(Deserialize, Serialize)]
struct Answer {
    question: String,
    replica: String,
    counts: Counts,
}

impl Spread {
    /// What a closure of this scope would hit, over all replicas that answer within a second.
    pub async fn survey(&self, scope: &Scope) -> Survey {
        let asked = async {
            if self.me.fleet == Witness::Itself {
                return Ok((Vec::new(), Vec::new()));
            }
            self.ask_others(scope).await
        };
        let (own, others) = tokio::join!(self.count(scope.clone()), asked);
        let mut survey = Survey {
            counts: own.into_iter().collect(),
            ..Survey::default()
        };
        match others {
            Ok((counts, missing)) => {
                survey.counts.extend(counts);
                survey.missing = missing;
            }
            Err(error) => survey.unknown = Some(error.to_string()),
        }
        survey
    }

    async fn count(&self, scope: Scope) -> Option<Counts> {
        let census = self.census.get().cloned()?;
        let key = self.key.clone();
        let counted = tokio::task::spawn_blocking(move || census.count(&scope, &key));
        counted.await.ok()
    }

    /// What the others counted, and the names of those that said nothing.
    async fn ask_others(&self, scope: &Scope) -> Result<(Vec<Counts>, Vec<String>), FleetError> {
        let alive = self.replicas().await?.into_iter();
        let mut others: BTreeMap<String, String> = alive
            .filter(|replica| replica.id != self.id)
            .map(|replica| (replica.id, replica.name))
            .collect();
        let mut found = Vec::new();
        if others.is_empty() {
            return Ok((found, Vec::new()));
        }
        let question = Question {
            id: Uuid::new_v4().simple().to_string(),
            by: self.id.clone(),
            at: milliseconds(clock::unix_time()),
            scope: scope.clone(),
        };
        let sealed = self.key.seal(Kind::Question, &question);
        let sealed = sealed.map_err(|_| FleetError::Malformed)?;
        let asked = self
            .store
            .say(Topic::Questions, &question.id, &sealed, LIFE);
        asked.await?;
        let collecting = async {
            while !others.is_empty() {
                sleep(LOOK).await;
                let answers = self.answers_to(&question.id).await?;
                found.extend(answers.into_iter().filter_map(|answer| {
                    let is_awaited = others.remove(&answer.replica).is_some();
                    is_awaited.then_some(answer.counts)
                }));
            }
            Ok::<_, FleetError>(())
        };
        match timeout(PATIENCE, collecting).await {
            Ok(Err(error)) if found.is_empty() => Err(error),
            Ok(Ok(()) | Err(_)) | Err(_) => Ok((found, others.into_values().collect())),
        }
    }

    async fn answers_to(&self, question: &str) -> Result<Vec<Answer>, FleetError> {
        let said = self.store.said(Topic::Answers).await?.into_iter();
        let ours = said.filter(|(name, _)| name.starts_with(question));
        let opened = ours.filter_map(|(_, sealed)| {
            let answer: Option<Answer> = self.key.open(Kind::Answer, &sealed).ok();
            answer.filter(|answer| answer.question == question)
        });
        Ok(opened.collect())
    }

    /// Answers what others ask, whenever there may be a question.
    pub(super) async fn keep_answering(&self) {
        let mut answered: HashMap<String, Instant> = HashMap::new();
        loop {
            self.asked.notified().await;
            if self.me.fleet == Witness::Itself {
                continue; // nobody else asks
            }
            answered.retain(|_, at| at.elapsed() < REMEMBERED);
            if let Err(error) = self.answer(&mut answered).await {
                tracing::debug!(%error, "the fleet's questions can't be answered");
            }
        }
    }

    async fn answer(&self, answered: &mut HashMap<String, Instant>) -> Result<(), FleetError> {
        let now = milliseconds(clock::unix_time());
        for (_, sealed) in self.store.said(Topic::Questions).await? {
            // what has no right seal is no question of the fleet's, and an old one may be a repetition
            let question: Option<Question> = self.key.open(Kind::Question, &sealed).ok();
            let is_new = |question: &Question| {
                question.by != self.id
                    && question.at.abs_diff(now) <= FRESH
                    && !answered.contains_key(&question.id)
            };
            let Some(question) = question.filter(is_new) else {
                continue;
            };
            answered.insert(question.id.clone(), Instant::now());
            let Some(counts) = self.count(question.scope).await else {
                continue;
            };
            let name = format!("{}/{}", question.id, self.id);
            let answer = Answer {
                question: question.id,
                replica: self.id.clone(),
                counts,
            };
            if let Ok(sealed) = self.key.seal(Kind::Answer, &answer) {
                self.store.say(Topic::Answers, &name, &sealed, LIFE).await?;
            }
        }
        Ok(())
    }
}
