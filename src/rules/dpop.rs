//! What do proofs of possession keep to?

use crate::config::file::DpopNonce;
use crate::config::{Loaded, Mistakes};
use crate::pipeline::audit::Pseudonyms;
use crate::pipeline::identity::dpop::Terms;
use crate::pipeline::identity::dpop::nonce::Nonces;
use crate::switchboard::seal::FleetKey;

/// What the key of nonces is derived for.
const NONCES: &str = "dpop nonces";

/// By the configuration's settings; a nonce is known by every replica with the same keys.
pub(super) fn terms(
    loaded: &Loaded,
    pseudonyms: Option<&Pseudonyms>,
    mistakes: &mut Mistakes,
) -> Option<Terms> {
    let settings = loaded.config.dpop.as_ref()?;
    if settings.nonce == DpopNonce::None {
        return Some(Terms::new(settings, None));
    }
    let key = match &loaded.config.switches.fleet_key_file {
        Some(file) => FleetKey::read(file)
            .map(|key| key.stand_in(NONCES.as_bytes()))
            .map_err(|flaw| mistakes.add(loaded.origins.place("switches.fleet_key_file"), flaw))
            .ok(),
        None => pseudonyms.map(|pseudonyms| pseudonyms.derive(NONCES)),
    };
    Some(Terms::new(settings, Some(Nonces::new(&key?))))
}
