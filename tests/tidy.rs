//! The rules of the house as a test: layering, file openings and sizes, names, and where intrinsics live.
//!
//! Each check walks the workspace's sources as text and lists every breach with its place, so that one run shows
//! all there is to mend.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each crate with those of the workspace that it may depend on. `bench` and `tests` may use everything; nothing may
/// use them.
const LAYERS: [(&str, &[&str]); 6] = [
    ("kernels", &[]),
    ("types", &["kernels"]),
    ("storage", &["kernels", "types"]),
    ("executor", &["kernels", "types", "storage"]),
    ("frontend", &["kernels", "types", "storage", "executor", "datasets"]),
    ("datasets", &[]),
];
const CRATES: [&str; 9] =
    ["kernels", "types", "storage", "executor", "frontend", "datasets", "bench", "tests", "tests/compat"];

/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 500;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 7] = ["utils", "util", "helpers", "helper", "common", "misc", "shared"];

struct Source {
    /// Relative to the workspace.
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// Reads every Rust file of the workspace's crates.
fn sources() -> Vec<Source> {
    let root = root();
    let mut sources = Vec::new();
    let mut directories: Vec<PathBuf> = CRATES.iter().map(|name| root.join(name)).collect();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory:?}: {error}")) {
            let path = entry.expect("a directory entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && path != root.join("tests/compat") {
                directories.push(path);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).expect("a source file is text");
                let path = path.strip_prefix(&root).expect("inside the workspace").to_string_lossy();
                sources.push(Source { path: path.into_owned(), text });
            }
        }
    }
    assert!(sources.len() > 20, "the walk found {} files only", sources.len());
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    sources
}

/// Fails with all breaches of a rule.
fn assert_none(rule: &str, breaches: Vec<String>) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}

/// Returns the workspace's crates that a manifest names in one of its sections.
fn workspace_dependencies(manifest: &str, sections: &[&str]) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = sections.contains(&line.trim());
        } else if inside
            && let Some(name) = line.split(['.', '=', ' ']).next()
            && (CRATES.contains(&name) || name == "compat")
        {
            found.push(name.to_string());
        }
    }
    found
}

/// Returns how many lines a file has before its tests.
fn code_lines(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[test]
fn dependencies_point_down() {
    let mut breaches = Vec::new();
    for (name, allowed) in LAYERS {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).expect("a manifest");
        for dependency in workspace_dependencies(&manifest, &["[dependencies]", "[build-dependencies]"]) {
            if !allowed.contains(&dependency.as_str()) {
                breaches.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    assert_none("an arrow points up", breaches);
}

#[test]
fn crates_take_the_workspaces_lints_and_open_with_their_readme() {
    let mut breaches = Vec::new();
    for name in CRATES {
        let directory = root().join(name);
        let manifest = fs::read_to_string(directory.join("Cargo.toml")).expect("a manifest");
        if !manifest.contains("[lints]\nworkspace = true") {
            breaches.push(format!("{name}/Cargo.toml lacks the workspace's lints"));
        }
        let library = fs::read_to_string(directory.join("src/lib.rs")).unwrap_or_default();
        if !library.starts_with("#![doc = include_str!(\"../README.md\")]") {
            breaches.push(format!("{name}/src/lib.rs does not open with its README"));
        }
    }
    assert_none("a crate is its chapter", breaches);
}

#[test]
fn files_open_by_saying_what_they_are() {
    let says = |text: &str| text.starts_with("//!") || text.starts_with("#![doc = include_str!(");
    let silent = sources().into_iter().filter(|source| !says(&source.text)).map(|source| source.path);
    assert_none("a file does not open with //!", silent.collect());
}

#[test]
fn files_are_small() {
    let exceptions: BTreeMap<String, usize> = include_str!("tidy_exceptions.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let (path, lines) = line.split_once(' ').expect("a path and a number");
            (path.to_string(), lines.parse().expect("a number of lines"))
        })
        .collect();
    let mut breaches = Vec::new();
    let mut present = Vec::new();
    for source in sources().iter().filter(|source| !is_test_file(&source.path)) {
        let lines = code_lines(&source.text);
        let path = &source.path;
        present.push(path.clone());
        match exceptions.get(path) {
            None if lines > FILE_LINES_MAX => breaches.push(format!("{path} has {lines} lines, split it")),
            Some(_) if lines <= FILE_LINES_MAX => breaches.push(format!("{path} is small: off the list")),
            Some(&listed) if lines > listed => breaches.push(format!("{path} grew from {listed} to {lines}")),
            Some(&listed) if lines < listed => breaches.push(format!("{path} shrank: list it with {lines}")),
            None | Some(_) => {}
        }
    }
    let gone = exceptions.keys().filter(|path| !present.contains(path));
    breaches.extend(gone.map(|path| format!("{path} is gone: off the list")));
    assert_none(&format!("more than {FILE_LINES_MAX} lines without tests"), breaches);
}

#[test]
fn names_say_something() {
    let empty = |path: &str| {
        let words = path.trim_end_matches(".rs").split('/');
        words.into_iter().any(|word| EMPTY_NAMES.contains(&word))
    };
    let breaches = sources().into_iter().map(|source| source.path).filter(|path| empty(path)).collect();
    assert_none("ask what the functions share besides being useful; that is the name", breaches);
}

#[test]
fn no_test_is_left_out_and_no_lint_silenced() {
    // Written so that this file does not hold them.
    let banned = [concat!("#[", "ignore"), concat!("#[", "allow("), concat!("#![", "allow(")];
    let mut breaches = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            let line = line.trim_start();
            if banned.iter().any(|attribute| line.starts_with(attribute)) {
                breaches.push(format!("{}:{}: {line}", source.path, number + 1));
            }
        }
    }
    assert_none("assert today's behaviour with a FIXME; expect a lint with its reason", breaches);
}

#[test]
fn intrinsics_live_in_kernels() {
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|source| !source.path.starts_with("kernels/")) {
        for (number, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let intrinsics =
                [concat!("std::", "arch::"), concat!("core::", "arch::"), concat!("target_", "feature(")];
            if intrinsics.iter().any(|word| code.contains(word)) && !code.contains("feature_detected") {
                breaches.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    assert_none("intrinsics outside kernels", breaches);
}

#[test]
fn unsafe_blocks_say_why_they_are_sound() {
    let mut breaches = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let opens = code.contains(concat!("unsafe", " {")) || code.contains(concat!("unsafe", " impl"));
            let before = &lines[number.saturating_sub(6)..number];
            if opens && !code.contains('"') && !before.iter().any(|line| line.contains("SAFETY:")) {
                breaches.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    assert_none("unsafe without a SAFETY sentence in the lines before it", breaches);
}

#[test]
fn the_readers_of_this_test_read_right() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\ntypes.workspace = true\nserde = \"1\"\n\
        storage = { path = \"..\" }\n[dev-dependencies]\ndatasets.workspace = true\n";
    assert_eq!(workspace_dependencies(manifest, &["[dependencies]"]), ["types", "storage"]);
    assert_eq!(code_lines("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
    assert!(is_test_file("storage/src/segment/tests.rs") && !is_test_file("storage/src/segment.rs"));
}
