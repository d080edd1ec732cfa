//! What does each listener show and ask for, from the start and from each reload on?

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cli::run::House;
use crate::clock;
use crate::edge::shown::Shown;
use crate::edge::tls::Certificates;
use crate::rules::Rules;
use crate::telemetry::Observed;

/// What each listener that speaks TLS shows, and asks for.
pub(super) type ShownBy = BTreeMap<String, Arc<Shown>>;

/// What is shown from the start on.
///
/// # Errors
/// The TLS library takes none of it.
pub(super) fn shown_by(
    certificates: Option<BTreeMap<String, Certificates>>,
    rules: &Rules,
) -> Result<ShownBy, String> {
    let read = certificates.unwrap_or_default().into_iter();
    let shown = read.map(|(name, read)| {
        let asked = rules.issuers.certificates().of_listener(&name);
        let shown = Shown::new(read, asked)?;
        Ok((name, shown))
    });
    shown.collect()
}

impl House {
    /// Has the gauge read how long revocation lists still count; where there are none there is no gauge.
    pub(super) fn observe_lists(&self) {
        let rules = Arc::clone(&self.rules);
        let next_update = move || rules.load().issuers.certificates().next_update();
        if next_update().is_some() {
            let left = move || {
                next_update()
                    .unwrap_or_default()
                    .saturating_sub(clock::unix_time())
            };
            self.telemetry
                .observe(Observed::ListSecondsLeft, move || left().as_secs());
        }
    }

    /// Has each listener show what was read for it, if anything was, and ask for what the rules say.
    /// What was read for others is for listeners of the next start.
    pub(super) fn show(&self, mut read: BTreeMap<String, Certificates>, rules: &Rules) {
        for (name, shown) in &self.shown {
            let asked = rules.issuers.certificates().of_listener(name);
            if let Err(error) = shown.replace(read.remove(name), asked) {
                tracing::error!(listener = %name, %error, "shows and asks for what it did before");
            }
        }
    }
}
