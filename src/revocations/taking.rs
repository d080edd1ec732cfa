//! What of the fleet's revocations is taken, and what is the fleet to be given?

use std::sync::atomic::Ordering;

use super::change::Draft;
use super::version::{Held, Version};
use super::{Revocations, hold};

/// Versions that are kept for a fleet that doesn't take them now; beyond, the log is read for it.
const MOST_UNSENT: usize = 10_000;

/// What the fleet is to be given.
#[derive(Debug)]
pub(super) enum Unsent {
    These(Vec<Version>),
    /// More than are kept twice.
    All,
}

impl Revocations {
    /// Takes versions that others made: what revokes at once, what restores once it is on disk.
    ///
    /// # Errors
    /// What restores can't be written; it was not taken.
    pub(in crate::revocations) fn take(&self, versions: Vec<Version>) -> Result<(), String> {
        let mut log = hold(&self.log);
        let (mut news, mut restoring, mut better) = (Vec::new(), Vec::new(), Vec::new());
        for version in versions {
            let (held, known) = (Held::of(&version), self.held(version.mark));
            let merged = known.map_or(held, |known| known.merge(held));
            if known.is_some_and(|known| known.refuses_more_than(Some(merged))) {
                restoring.push(Version {
                    ends: merged.ends,
                    ..version
                });
                continue;
            }
            if merged != held {
                // the fleet is to know what this one knows better
                better.push(Draft {
                    mark: version.mark,
                    reach: merged.reach(),
                    ends: merged.ends,
                    told: version.told.clone(),
                });
            }
            if Some(merged) != known {
                self.put(version.mark, held);
                news.push(version);
            }
        }
        let better: Vec<Version> = better
            .into_iter()
            .map(|draft| self.version(draft))
            .collect();
        for version in &better {
            self.put(version.mark, Held::of(version));
        }
        news.extend(better.iter().cloned());
        if !news.is_empty() {
            self.tell();
            self.save(&mut log, &news);
            self.hand_on(better);
        }
        if restoring.is_empty() {
            return Ok(());
        }
        log.append(&restoring).map_err(|error| error.to_string())?;
        for version in &restoring {
            self.put(version.mark, Held::of(version));
        }
        self.tell();
        Ok(())
    }

    /// The fleet's were read, or won't be.
    pub(in crate::revocations) fn settle(&self) {
        self.known.store(true, Ordering::Release);
    }

    /// What the fleet is to be given; `None`: everything.
    pub(in crate::revocations) fn unsent(&self) -> Option<Vec<Version>> {
        let unsent = self.unsent.as_ref()?;
        match std::mem::replace(&mut *hold(unsent), Unsent::These(Vec::new())) {
            Unsent::These(versions) => Some(versions),
            Unsent::All => None,
        }
    }

    /// The fleet was not given everything.
    pub(in crate::revocations) fn resend(&self) {
        if let Some(unsent) = &self.unsent {
            *hold(unsent) = Unsent::All;
        }
    }

    pub(super) fn hand_on(&self, versions: Vec<Version>) {
        if let Some(unsent) = &self.unsent
            && !versions.is_empty()
        {
            let mut unsent = hold(unsent);
            if let Unsent::These(before) = &mut *unsent {
                before.extend(versions);
                if before.len() > MOST_UNSENT {
                    *unsent = Unsent::All;
                }
            }
            drop(unsent);
            self.tell();
        }
    }
}
