//! What do all listeners share?

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::gateway::in_flight::InFlight;
use crate::pipeline::ports::Ports;
use crate::pipeline::rehearsal::Rehearsals;
use crate::revocations::Revocations;
use crate::rules::Rules;
use crate::switchboard::fuse::Fuses;
use crate::switchboard::store::Switchboard;
use crate::telemetry::Telemetry;
use crate::traffic::Traffic;

/// What all listeners share.
#[expect(missing_debug_implementations, reason = "holds rules with keys")]
pub struct Shared {
    /// The rules in force, swapped at a reload.
    pub rules: Arc<ArcSwap<Rules>>,
    /// The switch board in force.
    pub switchboard: Arc<Switchboard>,
    /// What was taken back.
    pub revocations: Arc<Revocations>,
    /// The way to the outside.
    pub ports: Ports,
    /// Metrics.
    pub telemetry: Arc<Telemetry>,
    /// The requests that are being served.
    pub in_flight: InFlight,
    /// The last minutes of requests.
    pub traffic: Arc<Traffic>,
    /// What may close by itself.
    pub fuses: Fuses,
    /// Tickets of the gateway's own requests to itself.
    pub rehearsals: Arc<Rehearsals>,
}
