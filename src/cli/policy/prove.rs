//! Is what the ceilings and floors say of the policies proved?

use crate::cli::Failure;
use crate::cli::policy::{Solver, Target};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    solver: Solver,
}

/// Runs it.
#[cfg(not(feature = "prove"))]
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    args.target.files()?;
    Err(super::without_prover())
}

#[cfg(feature = "prove")]
pub(super) use with::{failure, lines, run};

#[cfg(feature = "prove")]
mod with {
    use super::{Args, Failure};
    use crate::cli::policy::sets;
    use crate::cli::{End, data};
    use crate::prove::{self, Claim, Proof, Trouble};

    /// Runs it.
    pub(in crate::cli::policy) fn run(args: &Args) -> Result<(), Failure> {
        let files = args.target.files()?;
        let mut proofs = Vec::new();
        for (files, schema) in sets(&files) {
            let proof = prove::prove(&files, schema, &args.solver.cvc5()).map_err(failure)?;
            for line in lines(&proof) {
                data(&line);
            }
            proofs.push(proof);
        }
        let sum = |count: fn(&Proof) -> usize| proofs.iter().map(count).sum::<usize>();
        let (total, open) = (sum(|proof| proof.claims.len()), sum(Proof::open));
        if open > 0 {
            let message = format!("not proved: {open} of {total} claims");
            return Err(Failure::new(End::TestFailed, message));
        }
        let (kinds, asked) = (sum(|proof| proof.environments), sum(|proof| proof.asked));
        data(&format!(
            "proved: {total} claims over {kinds} kinds of request, {asked} questions to the solver"
        ));
        Ok(())
    }

    /// What can't be decided doesn't hold.
    pub(in crate::cli::policy) fn failure(trouble: Trouble) -> Failure {
        match trouble {
            Trouble::Wrong(mistakes) => mistakes.into(),
            Trouble::Undecided(_) => Failure::new(End::TestFailed, trouble.to_string()),
        }
    }

    pub(in crate::cli::policy) fn lines(proof: &Proof) -> Vec<String> {
        let mut lines = vec![
            format!("{}: policies of revision {}", proof.place, proof.revision),
            format!("planted hole found: {}", proof.planted),
        ];
        for claim in &proof.claims {
            lines.push(format!("{}: {}: {}", word(claim), claim.name, claim.says));
            lines.extend(claim.broken.iter().cloned());
            let undecided = claim.undecided.iter();
            lines.extend(undecided.map(|why| format!("  undecided: {why}")));
        }
        lines
    }

    fn word(claim: &Claim) -> &'static str {
        if claim.holds() {
            "holds"
        } else if claim.broken.is_empty() {
            "UNDECIDED"
        } else {
            "BROKEN"
        }
    }
}

#[cfg(all(test, not(feature = "prove")))]
mod tests {
    use clap::Parser as _;

    use crate::cli::{Cli, End, run};

    #[test]
    fn a_build_without_the_prover_says_so() {
        for words in [
            &["vingate", "policy", "prove", "policies"][..],
            &["vingate", "policy", "lint", "--deep", "policies"],
        ] {
            let failure = run(Cli::try_parse_from(words).unwrap()).unwrap_err();
            assert_eq!(failure.end, End::Failed);
            assert!(failure.message.contains("has no prover"), "{failure}");
        }
    }
}
