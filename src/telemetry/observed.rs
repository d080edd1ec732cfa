//! What is read when metrics are asked for, and what is it called?

/// A value that is read when metrics are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// Revision of the switch board in force.
    SwitchRevision,
    /// Closures in force.
    SwitchClosures,
    /// Replicas that were alive when they were counted last.
    SwitchReplicas,
    /// Seconds since this replica and its fleet knew the same.
    SwitchFleetAge,
    /// What came from the fleet's store and was refused.
    SwitchRefused,
    /// Closures that hold though their time is over.
    SwitchOverdue,
    /// Seconds that this host's clock is off, where that matters.
    SwitchClockOff,
    /// Revocations held.
    Revocations,
    /// 1 while all revocations in force are on disk, else 0.
    RevocationsDurable,
    /// Seconds since this replica and its fleet knew the same revocations.
    RevocationsAge,
    /// Revocations of the fleet's store that were refused.
    RevocationsRefused,
    /// Records not written yet.
    AuditWaiting,
    /// Failed writes of records.
    AuditWriteErrors,
    /// Requests let through without a record.
    AuditUnrecorded,
    /// Places given back without a record.
    AuditDroppedSlots,
    /// 1 while records can be written, else 0.
    AuditHealthy,
    /// Seconds since a directory elsewhere was heard: told what changed, or answered.
    DirectoryAge,
    /// Questions that a directory elsewhere did not answer.
    DirectoryFailures,
    /// 1 while a directory elsewhere can be asked, as far as is known, else 0.
    DirectoryAnswers,
    /// Seconds until the first revocation list for clients' certificates is too old.
    ListSecondsLeft,
    /// Proofs of possession that this replica remembers.
    ProofsRemembered,
    /// Proofs whose use a store elsewhere could not be told.
    ProofsFailures,
    /// Open connections of clients.
    Connections,
    /// 1 while the policies in force have no trusted signature or lack a proof.
    PoliciesOdd,
    /// 1 while an operator went back to older policies.
    PoliciesRolledBack,
}

impl Observed {
    /// Its name, without the form that a counter's gets.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SwitchRevision => "vingate.switch.revision",
            Self::SwitchClosures => "vingate.switch.closures",
            Self::SwitchReplicas => "vingate.switch.replicas",
            Self::SwitchFleetAge => "vingate.switch.fleet_age_seconds",
            Self::SwitchOverdue => "vingate.switch.overdue",
            Self::SwitchClockOff => "vingate.switch.clock_off",
            Self::SwitchRefused => "vingate.switch.refused",
            Self::Revocations => "vingate.revocations",
            Self::RevocationsDurable => "vingate.revocations.durable",
            Self::RevocationsAge => "vingate.revocations.age_seconds",
            Self::RevocationsRefused => "vingate.revocations.refused",
            Self::AuditWaiting => "vingate.audit.waiting",
            Self::AuditHealthy => "vingate.audit.healthy",
            Self::AuditWriteErrors => "vingate.audit.write_errors",
            Self::AuditUnrecorded => "vingate.audit.unrecorded",
            Self::AuditDroppedSlots => "vingate.audit.dropped_slots",
            Self::Connections => "vingate.connections",
            Self::ListSecondsLeft => "vingate.certificates.list_seconds_left",
            Self::PoliciesOdd => "vingate.policies.unproved",
            Self::PoliciesRolledBack => "vingate.policies.rolled_back",
            Self::ProofsRemembered => "vingate.dpop.remembered",
            Self::ProofsFailures => "vingate.dpop.store_failures",
            Self::DirectoryAge => "vingate.directory.age_seconds",
            Self::DirectoryAnswers => "vingate.directory.answers",
            Self::DirectoryFailures => "vingate.directory.failures",
        }
    }

    /// Whether it is a sum since the start.
    pub(super) fn only_rises(self) -> bool {
        matches!(
            self,
            Self::SwitchRefused
                | Self::RevocationsRefused
                | Self::ProofsFailures
                | Self::DirectoryFailures
                | Self::AuditWriteErrors
                | Self::AuditUnrecorded
                | Self::AuditDroppedSlots
        )
    }
}
