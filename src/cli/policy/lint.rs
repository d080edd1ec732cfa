//! Is anything in the policy files wrong, or of no effect?

use crate::cli::policy::{Solver, Target};
use crate::cli::{Failure, data};
use crate::pipeline::policy::bounds;
use crate::pipeline::policy::files::Files;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Find policies that change nothing, with the solver: dead, shadowed and redundant ones.
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    solver: Solver,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let files = args.target.files()?;
    super::check(&files, &mut data)?;
    for (files, schema) in super::sets(&files) {
        let bounds = bounds::read(&files, schema)?.len();
        let place = files.place();
        data(&format!("{place}: {bounds} ceilings and floors are valid"));
    }
    if args.deep {
        deep(args, &files)?;
    }
    Ok(())
}

#[cfg(not(feature = "prove"))]
fn deep(_: &Args, _: &Files) -> Result<(), Failure> {
    Err(super::without_prover())
}

#[cfg(feature = "prove")]
fn deep(args: &Args, files: &Files) -> Result<(), Failure> {
    use crate::cli::End;

    let found = crate::prove::deep::search(files, &args.solver.cvc5());
    let found = found.map_err(super::prove::failure)?;
    for line in &found {
        data(line);
    }
    if found.is_empty() {
        data("every policy changes something");
        return Ok(());
    }
    let message = format!("{} policies change nothing, or it isn't known", found.len());
    Err(Failure::new(End::TestFailed, message))
}
