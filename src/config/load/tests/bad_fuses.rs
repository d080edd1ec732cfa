//! Mistakes in `fuses`: what is replaced in the good configuration, and what is told.

pub(super) const ROWS: &[(&str, &str, &[&str])] = &[
    (
        "[switches]\n",
        "[fuses.probing]\nsurface = \"portal\"\ncodes = [\"access-denied\"]\ndistinct_principals = 50\nwindow = \"5m\"\nstate = \"closed\"\nclose = { surfaces = [\"portal\"] }\nfor = \"30m\"\n\n[switches]\n",
        &["vingate.toml:76: surface `portal` is protected: no fuse closes it"],
    ),
    (
        "[switches]\n",
        "[fuses.probing]\nsurface = \"mobile-v1\"\ncodes = [\"access-denied\"]\ndistinct_principals = 50\nwindow = \"5m\"\nstate = \"closed\"\nclose = { routes = [\"mobile-v1.charge\"] }\nfor = \"30m\"\n\n[switches]\n",
        &[
            "vingate.toml:81: `fuses.probing.close` wants `surfaces` to be `[\"mobile-v1\"]`: a fuse closes within its surface alone",
        ],
    ),
    (
        "[switches]\n",
        "[fuses.probing]\nsurface = \"mobile-v1\"\ncodes = [\"access-denied\"]\ndistinct_principals = 50\nwindow = \"5m\"\nstate = \"closed\"\nclose = { surfaces = [\"mobile-v1\", \"portal\"] }\nfor = \"30m\"\n\n[switches]\n",
        &[
            "vingate.toml:81: `fuses.probing.close` wants `surfaces` to be `[\"mobile-v1\"]`: a fuse closes within its surface alone",
        ],
    ),
    (
        "[switches]\n",
        "[fuses.probing]\nsurface = \"mobile-v1\"\ncodes = [\"access-denied\"]\ndistinct_principals = 50\nwindow = \"5m\"\nstate = \"closed\"\nclose = { all = true, surfaces = [\"mobile-v1\"] }\nfor = \"30m\"\n\n[switches]\n",
        &[
            "vingate.toml:81: `fuses.probing.close` wants `surfaces` to be `[\"mobile-v1\"]`: a fuse closes within its surface alone",
        ],
    ),
    (
        "[switches]\n",
        "[fuses.probing]\nsurface = \"mobile-v1\"\ncodes = [\"access-denied\"]\ndistinct_principals = 50\nwindow = \"5m\"\nstate = \"closed\"\nclose = { surfaces = [\"mobile-v1\"], routes = [\"portal.static\"] }\nfor = \"30m\"\n\n[switches]\n",
        &[
            "vingate.toml:81: unknown route of that surface `portal.static`, known are `mobile-v1.climate-start` and `mobile-v1.charge`",
        ],
    ),
    (
        "[switches]\n",
        "[fuses.probing]\nsurface = \"mobile-v1\"\ncodes = [\"access-denied\"]\ndistinct_principals = 1\nwindow = \"5m\"\nstate = \"closed\"\nclose = { surfaces = [\"mobile-v1\"], routes = [\"mobile-v1.charge\"] }\nfor = \"30m\"\n\n[switches]\n",
        &["vingate.toml:78: `fuses.probing.distinct_principals` wants at least `2`, not `1`"],
    ),
    (
        "[switches]\n",
        "[fuses.probing]\nsurface = \"mobile-v1\"\ncodes = [\"access-denied\"]\ndistinct_principals = 50\nwindow = \"5m\"\nstate = \"closed\"\nclose = { surfaces = [\"mobile-v1\"], routes = [\"mobile-v1.charge\"] }\n\n[switches]\n",
        &["vingate.toml:75: missing key `for`"],
    ),
    (
        "[switches]\n",
        "[fuses.probing]\nsurface = \"mobile-v1\"\ncodes = [\"closed\"]\ndistinct_principals = 50\nwindow = \"5m\"\nstate = \"closed\"\nclose = { surfaces = [\"mobile-v1\"], routes = [\"mobile-v1.charge\"] }\nfor = \"30m\"\n\n[switches]\n",
        &[
            "vingate.toml:77: `fuses.probing.codes[0]` wants `access-denied`, `ambiguous-request`, `malformed-request`, `quota-exceeded`, `response-withheld`, `vehicle-ambiguous`, `vehicle-malformed` or `vehicle-missing`, not `closed`",
        ],
    ),
    (
        "[switches]\n",
        "[fuses.probing]\nsurface = \"mobile-v1\"\ncodes = [\"access-denied\"]\ndistinct_principals = 50\nwindow = \"0s\"\nstate = \"closed\"\nclose = { surfaces = [\"mobile-v1\"], routes = [\"mobile-v1.charge\"] }\nfor = \"30m\"\n\n[switches]\n",
        &["vingate.toml:79: `fuses.probing.window` must be above zero"],
    ),
];
