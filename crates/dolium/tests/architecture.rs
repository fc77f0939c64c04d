//! The architecture test: what must hold for the whole tree, whoever edits it.
//!
//! The members of the workspace are listed floor by floor; a crate may use only crates listed above
//! it. Source files open with what they are, stay short, and are named by what they hold.
//!
//! Promises: every rule is shown, below, to fail on a tree that breaks it.
//! Does not: judge code; clippy does that.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;

/// The longest source file.
const LINES_MAX: usize = 800;
/// Names that say nothing about what is inside.
const NAMES_BANNED: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "misc", "types", "shared",
];
/// Crates that may use everything because nothing may use them.
const ABOVE_ALL: [&str; 1] = ["dolium-bench"];

/// A source file as the rules see it.
struct Source {
    path: PathBuf,
    text: String,
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}

/// Edges of a list of crates (lowest first) that point upwards or sideways into nothing.
fn upward_edges(order: &[String], uses: &[(String, String)]) -> Vec<String> {
    let floor = |name: &String| order.iter().position(|listed| listed == name);
    let wrong = uses.iter().filter(|(user, used)| {
        let free = ABOVE_ALL.contains(&user.as_str());
        match (floor(user), floor(used)) {
            (Some(user), Some(used)) if !free => used >= user,
            (Some(_), Some(_)) => ABOVE_ALL.contains(&used.as_str()),
            _ => false,
        }
    });
    wrong
        .map(|(user, used)| format!("{user} uses {used}"))
        .collect()
}

/// What is wrong with one file.
fn faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let at = source.path.display();
    if !source.text.starts_with("//!") {
        faults.push(format!("{at}: does not open with `//!`"));
    }
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        faults.push(format!("{at}: {lines} lines, more than {LINES_MAX}"));
    }
    for part in source.path.iter().filter_map(|part| part.to_str()) {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if NAMES_BANNED.contains(&name) {
            faults.push(format!("{at}: {name} is no name"));
        }
    }
    for (number, line) in (1..).zip(source.text.lines()) {
        faults.extend(line_faults(line).map(|why| format!("{at}:{number}: {why}")));
    }
    faults
}

/// Marks of what was left undone. They are put together here so that this file does not hold them.
fn line_faults(line: &str) -> impl Iterator<Item = String> {
    let notes =
        ["TO", "FIX"].map(|start| start.to_owned() + if start == "TO" { "DO" } else { "ME" });
    let noted = notes.into_iter().filter(|note| {
        let after = line.split_once(note.as_str()).map(|(_, after)| after);
        after.is_some_and(|after| !names_an_issue(after))
    });
    let macros = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let left = macros
        .into_iter()
        .filter(|name| line.contains(name.as_str()));
    let faults: Vec<String> = noted
        .map(|note| format!("{note} without an issue number, as in {note}(#12)"))
        .chain(left.map(|name| format!("{name}…)")))
        .collect();
    faults.into_iter()
}

fn names_an_issue(after: &str) -> bool {
    let number = after
        .strip_prefix("(#")
        .and_then(|rest| rest.split_once(')'));
    number.is_some_and(|(number, _)| number.parse::<u32>().is_ok())
}

/// Modules that are `foo.rs` beside `foo/`.
fn split_modules(files: &[PathBuf]) -> Vec<String> {
    let pairs = files.iter().filter(|file| {
        let folder = file.with_extension("");
        files.iter().any(|other| other.parent() == Some(&folder))
    });
    pairs
        .map(|file| format!("{}: becomes mod.rs of its folder", file.display()))
        .collect()
}

fn collect(dir: &Path, sources: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let skipped = path.file_name().is_some_and(|name| name == "target");
        if path.is_dir() && !skipped {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            sources.push(Source { path, text });
        }
    }
}

/// The project's source files, by their place below the root.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in ["crates", "bench"] {
        let folder = root().join(folder);
        if folder.is_dir() {
            collect(&folder, &mut sources);
        }
    }
    for source in &mut sources {
        source.path = source.path.strip_prefix(root()).unwrap().to_owned();
    }
    sources
}

#[test]
fn crates_use_only_crates_below_them() {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let manifest: String = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let order = members_in_order(&manifest, &metadata);
    assert_eq!(order.len(), metadata.packages.len(), "{order:?}");
    let uses: Vec<(String, String)> = metadata
        .packages
        .iter()
        .flat_map(|package| {
            let used = package.dependencies.iter();
            used.map(|used| (package.name.to_string(), used.name.clone()))
        })
        .collect();
    assert_eq!(upward_edges(&order, &uses), Vec::<String>::new());
}

/// The names of the members in the order of the manifest, which is that of the floors.
fn members_in_order(manifest: &str, metadata: &cargo_metadata::Metadata) -> Vec<String> {
    let list = manifest.split_once("members = [").unwrap().1;
    let list = list.split_once("\n]").unwrap().0;
    let folders = list.lines().filter_map(|line| line.split('"').nth(1));
    folders
        .map(|folder| {
            let manifest = root().join(folder).join("Cargo.toml");
            let package = metadata
                .packages
                .iter()
                .find(|p| p.manifest_path == manifest);
            package.unwrap().name.to_string()
        })
        .collect()
}

#[test]
fn sources_keep_the_rules() {
    let sources = sources();
    assert!(
        sources.len() > 100,
        "only {} files were found",
        sources.len()
    );
    let mut wrong: Vec<String> = sources.iter().flat_map(faults).collect();
    let files: Vec<PathBuf> = sources.into_iter().map(|source| source.path).collect();
    wrong.extend(split_modules(&files));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_upward_edge_is_seen() {
    let order = ["block", "store", "dolium", "dolium-bench"].map(str::to_owned);
    let edges = |uses: &[(&str, &str)]| {
        let own = |(user, used): &(&str, &str)| ((*user).to_owned(), (*used).to_owned());
        upward_edges(&order, &uses.iter().map(own).collect::<Vec<_>>()).len()
    };
    assert_eq!(edges(&[("store", "block"), ("store", "serde")]), 0);
    assert_eq!(edges(&[("block", "store")]), 1);
    assert_eq!(edges(&[("store", "store")]), 1);
    assert_eq!(
        edges(&[("dolium-bench", "store"), ("dolium-bench", "dolium")]),
        0
    );
    assert_eq!(edges(&[("dolium", "dolium-bench")]), 1);
}

#[test]
fn each_fault_of_a_file_is_seen() {
    let count = |path: &str, text: &str| {
        let source = Source {
            path: path.into(),
            text: text.to_owned(),
        };
        faults(&source).len()
    };
    let note = ["TO", "DO"].concat();
    let left = ["to", "do!()"].concat();
    assert_eq!(count("src/pack.rs", "//! A pack.\nfn main() {}\n"), 0);
    assert_eq!(count("src/pack.rs", "// A pack.\n"), 1);
    assert_eq!(count("src/pack.rs", ""), 1);
    assert_eq!(count("src/util.rs", "//! Things.\n"), 1);
    assert_eq!(count("src/common/pack.rs", "//! Things.\n"), 1);
    assert_eq!(count("a.rs", &format!("//! A.\n// {note}: later\n")), 1);
    assert_eq!(count("a.rs", &format!("//! A.\n// {note}(#x): later\n")), 1);
    assert_eq!(
        count("a.rs", &format!("//! A.\n// {note}(#12): later\n")),
        0
    );
    assert_eq!(count("a.rs", &format!("//! A.\nfn a() {{ {left} }}\n")), 1);
    let long = "//! A.\n".repeat(LINES_MAX);
    assert_eq!(count("a.rs", &long), 0);
    assert_eq!(count("a.rs", &(long + "//! More.\n")), 1);
}

#[test]
fn a_module_in_two_places_is_seen() {
    let files = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
    assert!(split_modules(&files(&["src/a/mod.rs", "src/a/b.rs", "src/b.rs"])).is_empty());
    assert_eq!(split_modules(&files(&["src/a.rs", "src/a/b.rs"])).len(), 1);
}
