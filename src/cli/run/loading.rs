//! How are new rules taken up while requests are served?
//!
//! Whole or not at all, one after the other: at SIGHUP the whole configuration, when the policy bundle is
//! another file its policies alone, and when an operator goes back those that are kept.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use crate::adapters::generations::{Shelf, read_state};
use crate::admin::policies::{Change, PoliciesForm, Wish, WishError};
use crate::cli::chosen::keeping::{self, Remembered, keep, wrong};
use crate::cli::chosen::{self, ChosenBundle};
use crate::cli::run::bundle_file::BundleFile;
use crate::cli::run::{Args, House};
use crate::cli::whole::{self, Refusal, Whole};
use crate::clock;
use crate::config::{Loaded, Mistakes, load, restart};
use crate::pipeline::policy::generations::{Generations, Which};
use crate::telemetry::{Observed, Reload, Telemetry};

/// Wishes of operators that wait: more than one at a time is rare.
const WISHES: usize = 8;

/// What loading goes by.
pub(super) struct Loading {
    /// The configuration in force.
    loaded: Loaded,
    shelf: Option<Arc<Shelf>>,
    file: BundleFile,
    wishes: mpsc::Receiver<Wish>,
    /// For whoever has wishes.
    pub(super) wish: mpsc::Sender<Wish>,
    /// What operators are told of the policies in force.
    pub(super) told: Arc<ArcSwap<PoliciesForm>>,
}

/// Why rules are to be taken up.
pub(super) enum Occasion {
    /// Another bundle lies there.
    File,
    /// An operator wants it.
    Wish(Wish),
}

/// What was built, by which configuration.
struct Built {
    loaded: Loaded,
    whole: Whole,
    told: PoliciesForm,
}

impl Loading {
    /// Builds what a gateway starts with.
    pub(super) fn start(loaded: &Loaded) -> Result<(Self, Whole), Refusal> {
        let file = BundleFile::of(&loaded.config.policies);
        let bundles = loaded.config.bundles.as_ref();
        let shelf = bundles
            .map(|bundles| Shelf::open(&bundles.directory))
            .transpose()
            .map_err(|flaw| wrong(loaded, flaw))?
            .map(Arc::new);
        let whole = whole::build(loaded)?;
        let told = keep(loaded, &whole, shelf.as_deref(), Remembered::Already)?;
        tell_bundle(&whole);
        let (wish, wishes) = mpsc::channel(WISHES);
        let loading = Self {
            loaded: loaded.clone(),
            shelf,
            file,
            wishes,
            wish,
            told: Arc::new(ArcSwap::from_pointee(told)),
        };
        Ok((loading, whole))
    }

    /// Has the gauges read what is loaded.
    pub(super) fn observe(&self, telemetry: &Telemetry) {
        let (odd, back) = (Arc::clone(&self.told), Arc::clone(&self.told));
        telemetry.observe(Observed::PoliciesOdd, move || {
            u64::from(odd.load().is_odd())
        });
        telemetry.observe(Observed::PoliciesRolledBack, move || {
            u64::from(back.load().rolled_back.is_some())
        });
    }

    /// Waits for an occasion, other than a signal. May be cancelled and asked again.
    pub(super) async fn occasion(&mut self) -> Occasion {
        tokio::select! {
            () = self.file.changed() => Occasion::File,
            Some(wish) = self.wishes.recv() => Occasion::Wish(wish),
        }
    }
}

impl House {
    /// Builds everything anew; keeps the old rules if anything is wrong or a case fails.
    pub(super) async fn reload(&self, args: &Args, loading: &mut Loading) {
        let (path, set) = (args.config.config.clone(), args.config.set.clone());
        let started = self.started.clone();
        self.audit.reopen(); // whoever rotates logs sends the same signal
        self.fleet.history.reopen();
        let kept_in = loading.shelf.clone();
        let build = move || {
            let loaded = load(&path, &set)?;
            let whole = whole::build(&loaded)?;
            let told = keep(&loaded, &whole, kept_in.as_deref(), Remembered::Already)?;
            Ok(Box::new(Built {
                loaded,
                whole,
                told,
            }))
        };
        if self.take_up(loading, build).await.is_ok() {
            let at_a_restart = restart::needed(&started, &loading.loaded.config);
            if !at_a_restart.is_empty() {
                let keys = at_a_restart.join(", ");
                tracing::warn!(%keys, "changed, and taken up at a restart only");
            }
        }
    }

    /// Takes up policies alone.
    pub(super) async fn seize(&self, occasion: Occasion, loading: &mut Loading) {
        match occasion {
            Occasion::File => {
                tracing::info!("another policy bundle lies there");
                let done = self.load_policies(loading, None).await;
                drop(done); // told already
            }
            Occasion::Wish(wish) => {
                let done = self.carry_out(&wish, loading).await;
                if wish.answer.send(done).is_err() {
                    tracing::debug!("who wished doesn't wait any more");
                }
            }
        }
    }

    async fn carry_out(
        &self,
        wish: &Wish,
        loading: &mut Loading,
    ) -> Result<PoliciesForm, WishError> {
        let Some(bundles) = loading.loaded.config.bundles.as_ref() else {
            return Err(WishError::NoBundles);
        };
        let Some(kept_in) = loading.shelf.clone() else {
            return Err(WishError::NoBundles);
        };
        let remembered = read_state(&bundles.directory).map_err(WishError::Failed)?;
        let next = keeping::next(&loading.loaded, &remembered, wish)?;
        match wish.change {
            Change::RollBack { dry_run: true, .. } => {
                let built = self.try_policies(loading, next).await;
                built.map_err(|refusal| WishError::Wrong(refusal.to_string()))
            }
            Change::RollBack { .. } => {
                let loaded = self.load_policies(loading, Some(next)).await;
                loaded.map_err(|refusal| WishError::Wrong(refusal.to_string()))?;
                Ok(PoliciesForm::clone(&loading.told.load()))
            }
            Change::Admit { .. } => {
                kept_in.remember(&next).map_err(WishError::Failed)?;
                // it may lie there already; else it is loaded once it does
                let loaded = self.load_policies(loading, None).await;
                if loaded.is_err() {
                    let told = PoliciesForm::clone(&loading.told.load());
                    loading.told.store(Arc::new(told.remembering(&next)));
                }
                Ok(PoliciesForm::clone(&loading.told.load()))
            }
        }
    }

    /// Builds policies anew for the configuration in force, as things are remembered or would be.
    async fn load_policies(
        &self,
        loading: &mut Loading,
        would_be: Option<Generations>,
    ) -> Result<(), Refusal> {
        let (loaded, kept_in) = (loading.loaded.clone(), loading.shelf.clone());
        let build = move || build_policies(loaded, kept_in.as_deref(), would_be.as_ref());
        self.take_up(loading, build).await
    }

    /// What would come of it.
    async fn try_policies(
        &self,
        loading: &Loading,
        would_be: Generations,
    ) -> Result<PoliciesForm, Refusal> {
        let loaded = loading.loaded.clone();
        let tried = tokio::task::spawn_blocking(move || {
            let chosen = chosen::choose_by(&loaded, Some(&would_be))?;
            let whole = whole::build_by(&loaded, chosen)?;
            Ok(keeping::form(&loaded, &whole, &would_be))
        });
        tried.await.unwrap_or_else(|error| Err(broke_off(&error)))
    }

    /// Swaps in what could be built; says loudly what couldn't.
    async fn take_up(
        &self,
        loading: &mut Loading,
        build: impl FnOnce() -> Result<Box<Built>, Refusal> + Send + 'static,
    ) -> Result<(), Refusal> {
        let made = tokio::task::spawn_blocking(build).await;
        match made.unwrap_or_else(|error| Err(broke_off(&error))) {
            Ok(mut new) => {
                // what is the same goes on; what is new is asked for before it counts
                let issuers = &mut new.whole.rules.issuers;
                issuers.inherit(&self.rules.load().issuers);
                let published = issuers.published().cloned().collect();
                self.introspections.follow(issuers.introspected());
                self.key_sets.follow(published).await;
                let Built {
                    loaded,
                    whole,
                    told,
                } = *new;
                tell_bundle(&whole);
                let Whole {
                    rules,
                    access,
                    certificates,
                    ..
                } = whole;
                let revision = Arc::clone(&rules.revision);
                if loaded.config.policies != loading.loaded.config.policies {
                    loading.file = BundleFile::of(&loaded.config.policies);
                }
                loading.loaded = loaded;
                loading.told.store(Arc::new(told));
                self.show(certificates.unwrap_or_default(), &rules);
                self.access.store(Arc::new(access));
                self.rules.store(Arc::new(rules));
                tracing::info!(%revision, "reloaded"); // in force: whoever waits for it may ask
                self.shared.in_flight.rules_changed();
                self.telemetry.reloaded(Reload::Ok);
                Ok(())
            }
            Err(refusal) => {
                tell(&refusal);
                tracing::error!(revision = %self.rules.load().revision, "reload refused: the old rules hold");
                self.telemetry.reloaded(Reload::Failed);
                Err(refusal)
            }
        }
    }
}

fn build_policies(
    loaded: Loaded,
    shelf: Option<&Shelf>,
    would_be: Option<&Generations>,
) -> Result<Box<Built>, Refusal> {
    let chosen = chosen::choose_by(&loaded, would_be)?;
    let whole = whole::build_by(&loaded, chosen)?;
    let remembered = match would_be {
        Some(_) => Remembered::NotYet,
        None => Remembered::Already,
    };
    let told = keep(&loaded, &whole, shelf, remembered)?;
    Ok(Box::new(Built {
        loaded,
        whole,
        told,
    }))
}

fn tell_bundle(whole: &Whole) {
    let Some(chosen) = &whole.bundle else {
        return;
    };
    let ChosenBundle { bundle, which, .. } = chosen;
    let (id, signer) = (bundle.id(), bundle.signer().unwrap_or("nobody trusted"));
    let built = clock::rfc3339(Duration::from_secs(bundle.built()));
    tracing::info!(%id, %built, signer, "policy bundle");
    if chosen.is_odd() {
        tracing::warn!(
            %id,
            "this policy bundle has no trusted signature or lacks proofs"
        );
    }
    if let Which::Kept(_) = which {
        tracing::warn!(%id, left = %chosen.given, "an operator went back to this policy bundle");
    }
}

fn broke_off(error: &tokio::task::JoinError) -> Refusal {
    let mut mistakes = Mistakes::default();
    mistakes.add("reload", format!("broke off: {error}"));
    Refusal::Wrong(mistakes)
}

/// A line for each mistake, or for each case that fails.
fn tell(refusal: &Refusal) {
    match refusal {
        Refusal::Wrong(mistakes) => {
            for mistake in mistakes.iter() {
                tracing::error!(place = %mistake.place, "{}", mistake.message);
            }
        }
        Refusal::Cases(lines) => lines.iter().for_each(|line| tracing::error!("{line}")),
    }
}
