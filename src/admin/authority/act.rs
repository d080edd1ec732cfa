//! What can an operator want to do?

/// What an operator wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[expect(missing_docs, reason = "the schema beside the policies says it")]
pub enum Act {
    View,
    Preview,
    History,
    Follow,
    Close,
    ReadOnly,
    Extend,
    Restore,
    Open,
    Undo,
    Approve,
    Drill,
    ImportOwnership,
    VerifyAudit,
    ViewOwnership,
    GrantOwnership,
    RevokeOwnership,
    ExportOwnership,
    RollBackPolicies,
    AdmitPolicies,
    RevokeTokens,
    RestoreTokens,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::View,
        Self::Preview,
        Self::History,
        Self::Follow,
        Self::Close,
        Self::ReadOnly,
        Self::Extend,
        Self::Restore,
        Self::Open,
        Self::Undo,
        Self::Approve,
        Self::Drill,
        Self::ImportOwnership,
        Self::VerifyAudit,
        Self::ViewOwnership,
        Self::GrantOwnership,
        Self::RevokeOwnership,
        Self::ExportOwnership,
        Self::RollBackPolicies,
        Self::AdmitPolicies,
        Self::RevokeTokens,
        Self::RestoreTokens,
    ];

    /// Its name in the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "View",
            Self::Preview => "Preview",
            Self::History => "History",
            Self::Follow => "Follow",
            Self::Close => "Close",
            Self::ReadOnly => "ReadOnly",
            Self::Extend => "Extend",
            Self::Restore => "Restore",
            Self::Open => "Open",
            Self::Undo => "Undo",
            Self::Approve => "Approve",
            Self::Drill => "Drill",
            Self::ImportOwnership => "ImportOwnership",
            Self::VerifyAudit => "VerifyAudit",
            Self::ViewOwnership => "ViewOwnership",
            Self::GrantOwnership => "GrantOwnership",
            Self::RevokeOwnership => "RevokeOwnership",
            Self::ExportOwnership => "ExportOwnership",
            Self::RollBackPolicies => "RollBackPolicies",
            Self::AdmitPolicies => "AdmitPolicies",
            Self::RevokeTokens => "RevokeTokens",
            Self::RestoreTokens => "RestoreTokens",
        }
    }
}
