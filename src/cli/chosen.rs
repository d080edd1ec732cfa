//! Which policies does a configuration mean?
//!
//! A folder, or a bundle: the one that lies where the configuration says, or an older one that an
//! operator went back to.

pub(super) mod keeping;

use std::path::Path;

use crate::adapters::generations::{read_bundle, read_kept, read_state};
use crate::clock;
use crate::config::file::Bundles;
use crate::config::{Loaded, Mistakes};
use crate::pipeline::policy::bundle::{self, Bundle, BundleId, VerifyingKey};
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::generations::{Generations, Which};

/// What is to be loaded.
pub(super) struct Chosen {
    /// For whoever reads policies.
    pub(super) files: Files,
    /// What they came in; `None` for a folder.
    pub(super) bundle: Option<ChosenBundle>,
}

/// A bundle that may be loaded.
pub(super) struct ChosenBundle {
    pub(super) bundle: Bundle,
    pub(super) bytes: Vec<u8>,
    pub(super) which: Which,
    /// Which one lies where the configuration says.
    pub(super) given: BundleId,
    /// By what is remembered it was chosen.
    pub(super) generations: Generations,
}

impl ChosenBundle {
    /// Whether it is loaded though nobody signed it or not all was proved.
    pub(super) fn is_odd(&self) -> bool {
        self.bundle.signer().is_none() || !self.bundle.unproved().is_empty()
    }
}

/// Chooses by what is remembered on disk.
///
/// # Errors
/// What is there may not be loaded, and why not.
pub(super) fn choose(loaded: &Loaded) -> Result<Chosen, Mistakes> {
    choose_by(loaded, None)
}

/// Chooses by what would be remembered.
///
/// # Errors
/// As [`choose`].
pub(super) fn choose_by(
    loaded: &Loaded,
    generations: Option<&Generations>,
) -> Result<Chosen, Mistakes> {
    let policies = &loaded.config.policies;
    let place = || loaded.origins.place("policies");
    let bundles = loaded.config.bundles.as_ref();
    if policies.is_dir() {
        return match bundles {
            Some(bundles) if bundles.require_signed => Err(mistake(
                place(),
                format!(
                    "`{}` is a folder, and `bundles.require_signed` takes signed bundles alone: \
                     `vingate policy build` makes one",
                    policies.display()
                ),
            )),
            Some(_) | None => Ok(Chosen {
                files: Files::folder(policies),
                bundle: None,
            }),
        };
    }
    let Some(bundles) = bundles else {
        // what isn't there at all is told as a folder that is missing
        return if policies.exists() {
            let text = "is a bundle, or no policies at all: a bundle needs `[bundles]`, which says \
                        whose signature counts";
            Err(mistake(place(), format!("`{}` {text}", policies.display())))
        } else {
            Ok(Chosen {
                files: Files::folder(policies),
                bundle: None,
            })
        };
    };
    let keys = trusted(loaded, bundles)?;
    let chosen = open(policies, bundles, &keys, generations);
    let chosen = chosen.map_err(|flaw| mistake(place(), flaw))?;
    let place = match &chosen.which {
        Which::Given => policies.clone(),
        Which::Kept(id) => bundles.directory.join(id.as_str()),
    };
    Ok(Chosen {
        files: chosen.bundle.files(&place),
        bundle: Some(chosen),
    })
}

fn open(
    policies: &Path,
    bundles: &Bundles,
    keys: &[VerifyingKey],
    generations: Option<&Generations>,
) -> Result<ChosenBundle, String> {
    let generations = match generations {
        Some(generations) => generations.clone(),
        None => read_state(&bundles.directory)?,
    };
    let at = |error: &dyn std::fmt::Display| format!("`{}` {error}", policies.display());
    let bytes = read_bundle(policies)?;
    let given = bundle::identity(&bytes).map_err(|flaw| at(&flaw))?;
    let which = generations.choose(&given);
    let bytes = match &which {
        Which::Given => bytes,
        Which::Kept(id) => read_kept(&bundles.directory, id)?,
    };
    let now = clock::unix_time();
    let told = |error: &dyn std::fmt::Display| match &which {
        Which::Given => at(error),
        Which::Kept(id) => format!("the kept bundle {id} {error}"),
    };
    let vouched = |id: &BundleId| generations.vouches(id, now);
    let bundle = Bundle::open(&bytes, keys, vouched).map_err(|flaw| told(&flaw))?;
    if let Which::Kept(id) = &which
        && id != bundle.id()
    {
        return Err(format!(
            "what is kept as bundle {id} is bundle {}",
            bundle.id()
        ));
    }
    generations
        .judge(&bundle, &which, bundles.require_signed, now)
        .map_err(|refused| told(&refused))?;
    Ok(ChosenBundle {
        bundle,
        bytes,
        which,
        given,
        generations,
    })
}

/// Which bundle lies at the configured place.
///
/// # Errors
/// None, or it can't be read.
pub(super) fn given(policies: &Path) -> Result<BundleId, String> {
    let bytes = read_bundle(policies)?;
    bundle::identity(&bytes).map_err(|flaw| format!("`{}` {flaw}", policies.display()))
}

fn trusted(loaded: &Loaded, bundles: &Bundles) -> Result<Vec<VerifyingKey>, Mistakes> {
    let mut mistakes = Mistakes::default();
    let mut keys = Vec::new();
    for file in &bundles.key_files {
        match VerifyingKey::read(file) {
            Ok(key) => keys.push(key),
            Err(flaw) => mistakes.add(loaded.origins.place("bundles.key_files"), flaw),
        }
    }
    mistakes.or(keys)
}

fn mistake(place: String, message: String) -> Mistakes {
    let mut mistakes = Mistakes::default();
    mistakes.add(place, message);
    mistakes
}
