//! How is access to a vehicle granted and revoked by command?

use std::io::BufRead;

use crate::adapters::facts::form::{CaseForm, ConsentForm, DriverForm, WorkOrderForm};
use crate::admin::granting::{Grant, Granted, OwnerForm, Revoke, Revoked, Suspend, Told};
use crate::cli::ownership::vehicle::post;
use crate::cli::ownership::words::Words;
use crate::cli::reach::Reach;
use crate::cli::{End, Failure, Output, data};
use crate::pipeline::vehicle::Vin;

/// What every change takes.
#[derive(Debug, clap::Args)]
struct ChangeArgs {
    /// Why: recorded.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
    /// Only if nothing changed since: the state that `get` told.
    #[arg(long, value_name = "STATE")]
    if_state: Option<String>,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    reach: Reach,
}

/// Arguments of `grant`. What belongs to one of [`To`] conflicts with the others: clap forgets what
/// is required where that conflicts with what is there.
#[derive(Debug, clap::Args)]
pub(super) struct GrantArgs {
    /// VIN; `-` reads it from standard input, and so for subjects.
    vin: String,
    #[command(flatten)]
    to: To,
    /// An action that a driver may take, such as `StartClimate`. Repeatable.
    #[arg(
        long = "entitlement", value_name = "ACTION",
        conflicts_with_all = ["partner", "owner", "work_order", "case"]
    )]
    entitlements: Vec<String>,
    /// A scope of a partner, such as `read_status`. Repeatable.
    #[arg(
        long = "scope", value_name = "SCOPE",
        conflicts_with_all = ["driver", "owner", "work_order", "case"]
    )]
    scopes: Vec<String>,
    /// The work order's dealership.
    #[arg(long, conflicts_with_all = ["driver", "partner", "owner", "case"])]
    dealership: Option<String>,
    /// Subject of the employee that it is made out to.
    #[arg(
        long, value_name = "SUBJECT",
        conflicts_with_all = ["driver", "partner", "owner", "case", "role"]
    )]
    technician: Option<String>,
    /// Role at the dealership that it is made out to.
    #[arg(long, conflicts_with_all = ["driver", "partner", "owner", "case"])]
    role: Option<String>,
    /// An action that the owner agreed to for this work order. Repeatable.
    #[arg(
        long = "agreed", value_name = "ACTION",
        conflicts_with_all = ["driver", "partner", "owner", "case"]
    )]
    agreed: Vec<String>,
    /// Subject of the case's agent.
    #[arg(
        long, value_name = "SUBJECT",
        conflicts_with_all = ["driver", "partner", "owner", "work_order"]
    )]
    agent: Option<String>,
    /// End, itself not included, such as `2027-01-01T00:00:00Z`.
    #[arg(long, value_name = "TIME", conflicts_with = "owner")]
    until: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// To whom.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct To {
    /// Subject of a driver.
    #[arg(long, value_name = "SUBJECT", requires = "entitlements")]
    driver: Option<String>,
    /// Subject of a partner's application.
    #[arg(long, value_name = "CLIENT", requires = "scopes")]
    partner: Option<String>,
    /// Subject of the new owner: the vehicle was sold.
    #[arg(long, value_name = "SUBJECT")]
    owner: Option<String>,
    /// Name of a work order.
    #[arg(long, value_name = "ID", requires_all = ["dealership", "until"])]
    work_order: Option<String>,
    /// Name of a roadside case.
    #[arg(long, value_name = "CASE", requires_all = ["agent", "until"])]
    case: Option<String>,
}

/// Arguments of `revoke`.
#[derive(Debug, clap::Args)]
pub(super) struct RevokeArgs {
    /// VIN; `-` reads it from standard input, and so for subjects.
    vin: String,
    #[command(flatten)]
    from: From,
    /// The work order's dealership.
    #[arg(long, conflicts_with_all = ["driver", "partner", "owner", "case", "all"])]
    dealership: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// From whom.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct From {
    /// Subject of a driver.
    #[arg(long, value_name = "SUBJECT")]
    driver: Option<String>,
    /// Subject of a partner's application.
    #[arg(long, value_name = "CLIENT")]
    partner: Option<String>,
    /// The owner, whoever that is.
    #[arg(long)]
    owner: bool,
    /// Name of a work order.
    #[arg(long, value_name = "ID", requires = "dealership")]
    work_order: Option<String>,
    /// Name of a roadside case.
    #[arg(long, value_name = "CASE")]
    case: Option<String>,
    /// Whatever this subject is to the vehicle: owner, driver, partner, technician, agent.
    #[arg(long, value_name = "SUBJECT")]
    all: Option<String>,
}

/// Arguments of `suspend` and `unsuspend`.
#[derive(Debug, clap::Args)]
pub(super) struct SuspendArgs {
    /// VIN; `-` reads it from standard input.
    vin: String,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn grant(args: &GrantArgs) -> Result<(), Failure> {
    let (vin, grant) = args.read(&mut std::io::stdin().lock())?;
    let body = Grant {
        grant,
        reason: args.change.reason.clone(),
        dry_run: args.change.dry_run,
    };
    args.change.send((&vin, "grant"), &body)
}

pub(super) fn revoke(args: &RevokeArgs) -> Result<(), Failure> {
    let (vin, revoke) = args.read(&mut std::io::stdin().lock())?;
    let body = Revoke {
        revoke,
        reason: args.change.reason.clone(),
        dry_run: args.change.dry_run,
    };
    args.change.send((&vin, "revoke"), &body)
}

pub(super) fn suspend(verb: &str, args: &SuspendArgs) -> Result<(), Failure> {
    let vin = Words(&mut std::io::stdin().lock()).vin(&args.vin)?;
    let body = Suspend {
        reason: args.change.reason.clone(),
        dry_run: args.change.dry_run,
    };
    args.change.send((&vin, verb), &body)
}

impl ChangeArgs {
    fn send(&self, call: (&Vin, &str), body: &impl serde::Serialize) -> Result<(), Failure> {
        let seen = self.if_state.as_deref();
        let (document, told): (_, Told) = post(&self.reach, call, seen, body)?;
        match self.output {
            Output::Json => data(&String::from_utf8_lossy(&document)),
            Output::Plain => told.changed.iter().for_each(|one| data(one)),
            Output::Table => {
                let done = if told.dry_run {
                    "would change (dry run, nothing changed)"
                } else {
                    "changed"
                };
                let what = if told.changed.is_empty() {
                    "nothing: it was so already".to_owned()
                } else {
                    told.changed.join("; ")
                };
                data(&format!("{done}: {what}"));
            }
        }
        Ok(())
    }
}

impl GrantArgs {
    fn read(&self, lines: &mut dyn BufRead) -> Result<(Vin, Granted), Failure> {
        let mut words = Words(lines);
        let vin = words.vin(&self.vin)?;
        let mut meant = |word: &Option<String>| {
            let meant = word.as_deref().map(|word| words.meant(word));
            meant.transpose()
        };
        let until = self.until.clone();
        let granted = if let Some(subject) = meant(&self.to.driver)? {
            Granted::Driver(DriverForm {
                subject,
                entitlements: self.entitlements.clone(),
                until,
            })
        } else if let Some(client) = meant(&self.to.partner)? {
            Granted::Consent(ConsentForm {
                client,
                scopes: self.scopes.clone(),
                until,
            })
        } else if let Some(subject) = meant(&self.to.owner)? {
            Granted::Owner(OwnerForm { subject })
        } else if let Some(id) = &self.to.work_order {
            Granted::WorkOrder(WorkOrderForm {
                id: id.clone(),
                dealership: self.dealership.clone().unwrap_or_default(),
                technician: meant(&self.technician)?,
                role: self.role.clone(),
                agreed: self.agreed.clone(),
                until: until.unwrap_or_default(),
            })
        } else if let Some(case) = &self.to.case {
            Granted::Case(CaseForm {
                case: case.clone(),
                agent: meant(&self.agent)?.unwrap_or_default(),
                until: until.unwrap_or_default(),
            })
        } else {
            return Err(nobody());
        };
        Ok((vin, granted))
    }
}

impl RevokeArgs {
    fn read(&self, lines: &mut dyn BufRead) -> Result<(Vin, Revoked), Failure> {
        let mut words = Words(lines);
        let vin = words.vin(&self.vin)?;
        let from = &self.from;
        let revoked = if let Some(subject) = &from.driver {
            let subject = words.meant(subject)?;
            Revoked::Driver { subject }
        } else if let Some(client) = &from.partner {
            let client = words.meant(client)?;
            Revoked::Consent { client }
        } else if from.owner {
            Revoked::Owner
        } else if let Some(id) = &from.work_order {
            Revoked::WorkOrder {
                id: id.clone(),
                dealership: self.dealership.clone().unwrap_or_default(),
            }
        } else if let Some(case) = &from.case {
            Revoked::Case { case: case.clone() }
        } else if let Some(subject) = &from.all {
            let subject = words.meant(subject)?;
            Revoked::All { subject }
        } else {
            return Err(nobody());
        };
        Ok((vin, revoked))
    }
}

/// The command line makes sure that somebody is named.
fn nobody() -> Failure {
    Failure::new(End::Usage, "name whom it is about")
}

#[cfg(test)]
mod tests;
