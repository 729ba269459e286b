//! Chains of contacts as people draw them: a tree, and a graph for Graphviz.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
};

/// A step of a chain: from whom, to whom (nobody whom one may see where empty), and by what kind of contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The index.
    pub from: String,
    /// The contact.
    pub to: String,
    /// The kind.
    pub kind: String,
}

/// A tree from a person on: everybody once, where they are nearest; told again by name only.
#[must_use]
pub fn tree(root: &str, steps: &[Step]) -> String {
    let mut children: HashMap<&str, Vec<&Step>> = HashMap::new();
    for step in steps {
        children.entry(&step.from).or_default().push(step);
    }
    let mut told = HashSet::from([root]);
    let mut text = format!("{root}\n");
    // Steps come by generation: whoever is told first is nearest.
    let mut nearest: HashSet<(&str, &str)> = HashSet::new();
    for step in steps {
        if told.insert(&step.to) {
            nearest.insert((&step.from, &step.to));
        }
    }
    let mut stack: Vec<(&Step, usize)> =
        children.get(root).into_iter().flatten().rev().map(|step| (*step, 1)).collect();
    while let Some((step, depth)) = stack.pop() {
        let to = if step.to.is_empty() { "(elsewhere)" } else { &step.to };
        let _ = writeln!(text, "{}{to}  {}", "  ".repeat(depth), step.kind);
        if nearest.remove(&(step.from.as_str(), step.to.as_str())) {
            let below = children.get(step.to.as_str()).into_iter().flatten().rev();
            stack.extend(below.map(|step| (*step, depth + 1)));
        }
    }
    text
}

/// A graph in the language of Graphviz.
#[must_use]
pub fn graph(root: &str, steps: &[Step]) -> String {
    let mut text = String::from("digraph contacts {\n  rankdir=LR;\n");
    let _ = writeln!(text, "  {root:?} [shape=box];");
    for (nth, step) in steps.iter().enumerate() {
        let to = if step.to.is_empty() { format!("elsewhere {nth}") } else { step.to.clone() };
        let _ = writeln!(text, "  {:?} -> {to:?} [label={:?}];", step.from, step.kind);
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: &str, to: &str) -> Step {
        Step { from: from.to_owned(), to: to.to_owned(), kind: "shared_meal".to_owned() }
    }

    #[test]
    fn a_tree_tells_everybody_where_they_are_nearest_and_ends_where_it_began() {
        let steps = [step("a", "b"), step("a", ""), step("b", "c"), step("c", "a"), step("c", "b")];
        let told = tree("a", &steps);
        let lines: Vec<_> = told.lines().map(|line| line.trim_end_matches("  shared_meal")).collect();
        assert_eq!(lines, ["a", "  b", "    c", "      a", "      b", "  (elsewhere)"]);
        assert_eq!(tree("a", &[]), "a\n");
    }

    #[test]
    fn a_graph_has_an_edge_for_each_step() {
        let drawn = graph("a", &[step("a", "b"), step("a", "")]);
        assert!(drawn.contains("\"a\" -> \"b\" [label=\"shared_meal\"];"), "{drawn}");
        assert_eq!(drawn.matches("->").count(), 2);
    }
}
