//! Who must come before whom, and cycles in that.
//!
//! Strongly connected components of four graphs say which anomalies there are, in time linear in the edges: of `ww`
//! alone, of `ww` and `wr`, of all edges; and, between the last two, of a graph in which every transaction is twice,
//! reached by `rw` or by another edge, and `rw` leads on from the second kind only: a cycle there is one in which no two
//! `rw` meet. (Under snapshot isolation `ww` and `wr` mean that the one had committed when the other began, and `rw` that
//! the one began before the other committed: so beginnings ascend along such a cycle, which cannot be.)

use std::collections::{HashMap, HashSet, VecDeque};

use super::{Anomaly, Findings, Op, Transaction};

/// What edges mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ww,
    Wr,
    Rw,
}

/// Elements with their writers, and the order of versions.
pub(super) struct Known<'a> {
    history: &'a [Transaction],
    last: &'a HashMap<i32, Vec<i32>>,
    /// Who appended an element.
    writers: HashMap<i32, usize>,
}

/// Edges from each transaction.
pub(super) struct Edges(Vec<Vec<(usize, Kind)>>);

impl<'a> Known<'a> {
    pub(super) fn new(history: &'a [Transaction], last: &'a HashMap<i32, Vec<i32>>) -> Self {
        let mut writers = HashMap::new();
        for (at, transaction) in history.iter().enumerate() {
            for op in &transaction.ops {
                if let Op::Append { element, .. } = op {
                    writers.insert(*element, at);
                }
            }
        }
        Self { history, last, writers }
    }

    fn version_order(&self, key: i32) -> &[i32] {
        self.last.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Holds the last versions against what was appended.
    pub(super) fn check_lists(&self, findings: &mut Findings) {
        let there: HashSet<i32> = self.last.values().flatten().copied().collect();
        let elements: usize = self.last.values().map(Vec::len).sum();
        if elements != there.len() {
            findings.add(Anomaly::IncompatibleOrder, || "an element is there twice".to_owned());
        }
        for element in &there {
            match self.writers.get(element) {
                None => findings.add(Anomaly::G1a, || format!("nobody appended {element}")),
                Some(&writer) if !self.history[writer].committed => {
                    findings
                        .add(Anomaly::G1a, || format!("{element} is there of {:?}", self.history[writer]));
                }
                Some(_) => {}
            }
        }
        for transaction in self.history.iter().filter(|transaction| transaction.committed) {
            for op in &transaction.ops {
                if let Op::Append { element, .. } = op
                    && !there.contains(element)
                {
                    findings.add(Anomaly::LostAppend, || format!("{element} of {transaction:?}"));
                }
            }
        }
    }

    /// Holds what a transaction read against what was appended, and what it appended itself.
    pub(super) fn check_reads(&self, at: usize, transaction: &Transaction, findings: &mut Findings) {
        let mut own: HashMap<i32, Vec<i32>> = HashMap::new();
        for op in &transaction.ops {
            match op {
                Op::Append { key, element } => own.entry(*key).or_default().push(*element),
                Op::Read { key, list } => {
                    let own = own.get(key).map_or(&[][..], Vec::as_slice);
                    if !list.ends_with(own) {
                        findings.add(Anomaly::Internal, || format!("{op:?} of {transaction:?}"));
                        continue;
                    }
                    let others = &list[..list.len() - own.len()];
                    self.check_read(at, *key, others, transaction, findings);
                    if transaction.committed && !self.version_order(*key).starts_with(list) {
                        findings.add(Anomaly::IncompatibleOrder, || {
                            format!("{op:?} beside {:?}", self.version_order(*key))
                        });
                    }
                }
            }
        }
    }

    fn check_read(&self, at: usize, key: i32, others: &[i32], reader: &Transaction, findings: &mut Findings) {
        for element in others {
            let writer = self.writers.get(element).map(|&writer| &self.history[writer]);
            if writer.is_none_or(|writer| !writer.committed) {
                findings.add(Anomaly::G1a, || format!("{element} of {writer:?} was seen by {reader:?}"));
            }
        }
        let Some(last) = others.last() else { return };
        let Some(&writer) = self.writers.get(last).filter(|&&writer| writer != at) else { return };
        let of_key = |op: &Op| match op {
            Op::Append { key: other, element } if *other == key => Some(*element),
            Op::Append { .. } | Op::Read { .. } => None,
        };
        if self.history[writer].ops.iter().rev().find_map(of_key) != Some(*last) {
            let writer = &self.history[writer];
            findings.add(Anomaly::G1b, || format!("{last} of {writer:?} was the last seen by {reader:?}"));
        }
    }

    /// Returns the edges between committed transactions.
    pub(super) fn edges(&self) -> Edges {
        let mut edges = Edges(vec![Vec::new(); self.history.len()]);
        let mut add = |from: Option<&usize>, to: Option<&usize>, kind: Kind| {
            if let (Some(&from), Some(&to)) = (from, to)
                && from != to
                && self.history[from].committed
                && self.history[to].committed
                && !edges.0[from].contains(&(to, kind))
            {
                edges.0[from].push((to, kind));
            }
        };
        for order in self.last.values() {
            for pair in order.windows(2) {
                add(self.writers.get(&pair[0]), self.writers.get(&pair[1]), Kind::Ww);
            }
        }
        for (at, transaction) in self.history.iter().enumerate() {
            for op in &transaction.ops {
                let Op::Read { key, list } = op else { continue };
                let foreign = |element: &&i32| self.writers.get(element) != Some(&at);
                if let Some(last) = list.iter().rev().find(foreign) {
                    add(self.writers.get(last), Some(&at), Kind::Wr);
                }
                if let Some(next) =
                    self.version_order(*key).get(list.len()..).and_then(|rest| rest.iter().find(foreign))
                {
                    add(Some(&at), self.writers.get(next), Kind::Rw);
                }
            }
        }
        edges
    }
}

impl Edges {
    pub(super) fn find_cycles(&self, history: &[Transaction], findings: &mut Findings) {
        let count = self.0.len();
        let only = |kinds: &'static [Kind]| {
            let next = move |node: usize| -> Vec<usize> {
                self.0[node].iter().filter(|(_, kind)| kinds.contains(kind)).map(|(to, _)| *to).collect()
            };
            components(count, next)
        };
        // Nodes from `count` on are transactions that were reached by `rw`.
        let apart = components(2 * count, |node| {
            let allowed = |kind: Kind| kind != Kind::Rw || node < count;
            let to = |(to, kind): &(usize, Kind)| if *kind == Kind::Rw { to + count } else { *to };
            self.0[node % count].iter().filter(|(_, kind)| allowed(*kind)).map(to).collect()
        });
        let apart =
            apart.into_iter().map(|nodes| nodes.into_iter().map(|node| node % count).collect()).collect();
        let classes: [(Anomaly, Vec<Vec<usize>>); 4] = [
            (Anomaly::G0, only(&[Kind::Ww])),
            (Anomaly::G1c, only(&[Kind::Ww, Kind::Wr])),
            (Anomaly::GSingle, apart),
            (Anomaly::G2Item, only(&[Kind::Ww, Kind::Wr, Kind::Rw])),
        ];
        let mut counted: HashSet<usize> = HashSet::new();
        for (anomaly, found) in classes {
            for nodes in found {
                // It has a cycle of a stricter kind.
                if nodes.iter().any(|node| counted.contains(node)) {
                    continue;
                }
                findings.add(anomaly, || self.describe(&nodes, history));
                counted.extend(nodes);
            }
        }
    }

    /// Returns a short cycle among some transactions, as text.
    fn describe(&self, nodes: &[usize], history: &[Transaction]) -> String {
        let inside: HashSet<usize> = nodes.iter().copied().collect();
        let start = nodes[0];
        let mut from: HashMap<usize, (usize, Kind)> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front()
            && !from.contains_key(&start)
        {
            for &(to, kind) in self.0[node].iter().filter(|(to, _)| inside.contains(to)) {
                from.entry(to).or_insert_with(|| {
                    queue.push_back(to);
                    (node, kind)
                });
            }
        }
        let mut lines = Vec::new();
        let mut node = start;
        while let Some(&(before, kind)) = from.get(&node) {
            lines.push(format!("\n  {:?}\n    --{kind:?}--> {:?}", history[before].ops, history[node].ops));
            node = before;
            if node == start {
                break;
            }
        }
        lines.reverse();
        format!("{} transactions; one cycle:{}", nodes.len(), lines.concat())
    }
}

/// Returns the strongly connected components of more than one node (Tarjan's algorithm, without recursion).
fn components(count: usize, next: impl Fn(usize) -> Vec<usize>) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let (mut order, mut low) = (vec![NEW; count], vec![NEW; count]);
    let (mut on_stack, mut stack) = (vec![false; count], Vec::new());
    let (mut found, mut number) = (Vec::new(), 0);
    for root in 0..count {
        if order[root] != NEW {
            continue;
        }
        let mut work: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut entered = Some(root);
        loop {
            if let Some(node) = entered.take() {
                (order[node], low[node]) = (number, number);
                number += 1;
                stack.push(node);
                on_stack[node] = true;
                work.push((node, next(node)));
            }
            let Some((node, left)) = work.last_mut() else { break };
            let node = *node;
            if let Some(to) = left.pop() {
                if order[to] == NEW {
                    entered = Some(to);
                } else if on_stack[to] {
                    low[node] = low[node].min(order[to]);
                }
                continue;
            }
            work.pop();
            if let Some((parent, _)) = work.last() {
                low[*parent] = low[*parent].min(low[node]);
            }
            if low[node] == order[node] {
                let at = stack.iter().rposition(|&other| other == node).unwrap_or(0);
                let nodes = stack.split_off(at);
                nodes.iter().for_each(|&node| on_stack[node] = false);
                if nodes.len() > 1 {
                    found.push(nodes);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{Level, check};
    use super::*;

    fn read(key: i32, list: &[i32]) -> Op {
        Op::Read { key, list: list.to_vec() }
    }

    fn append(key: i32, element: i32) -> Op {
        Op::Append { key, element }
    }

    fn found(transactions: &[(&[Op], bool)], last: &[(i32, &[i32])]) -> Vec<Anomaly> {
        let history: Vec<Transaction> = transactions
            .iter()
            .map(|(ops, committed)| Transaction { ops: ops.to_vec(), committed: *committed })
            .collect();
        let last = last.iter().map(|(key, list)| (*key, list.to_vec())).collect();
        check(&history, &last).0.into_keys().collect()
    }

    #[test]
    fn what_is_serial_is_no_anomaly() {
        let history: [(&[Op], bool); 3] = [
            (&[append(1, 10), append(2, 20)], true),
            (&[read(1, &[10]), append(1, 11), read(1, &[10, 11])], true),
            (&[append(1, 12), read(1, &[10, 11, 12])], false),
        ];
        assert_eq!(found(&history, &[(1, &[10, 11]), (2, &[20])]), []);
    }

    #[test]
    fn each_anomaly_is_seen_as_what_it_is() {
        let a: &[Op] = &[append(1, 10), append(2, 20)];
        let b: &[Op] = &[append(1, 11), append(2, 21)];
        assert_eq!(found(&[(a, true), (b, true)], &[(1, &[10, 11]), (2, &[21, 20])]), [Anomaly::G0]);
        let reader: &[Op] = &[read(1, &[10])];
        assert_eq!(
            found(&[(&[append(1, 10)], false), (reader, true)], &[]),
            [Anomaly::IncompatibleOrder, Anomaly::G1a]
        );
        let twice: &[Op] = &[append(1, 10), append(1, 11)];
        let seen = found(&[(twice, true), (reader, true)], &[(1, &[10, 11])]);
        assert!(seen.contains(&Anomaly::G1b), "{seen:?}");
        let a: &[Op] = &[append(1, 10), read(2, &[20])];
        let b: &[Op] = &[append(2, 20), read(1, &[10])];
        assert_eq!(found(&[(a, true), (b, true)], &[(1, &[10]), (2, &[20])]), [Anomaly::G1c]);
        // Read skew.
        let a: &[Op] = &[read(1, &[]), read(2, &[20])];
        let b: &[Op] = &[append(1, 10), append(2, 20)];
        assert_eq!(found(&[(a, true), (b, true)], &[(1, &[10]), (2, &[20])]), [Anomaly::GSingle]);
        // A lost update.
        let a: &[Op] = &[read(1, &[]), append(1, 10)];
        let b: &[Op] = &[read(1, &[]), append(1, 11)];
        assert_eq!(found(&[(a, true), (b, true)], &[(1, &[10, 11])]), [Anomaly::GSingle]);
        // Write skew.
        let a: &[Op] = &[read(1, &[]), read(2, &[]), append(1, 10)];
        let b: &[Op] = &[read(1, &[]), read(2, &[]), append(2, 20)];
        assert_eq!(found(&[(a, true), (b, true)], &[(1, &[10]), (2, &[20])]), [Anomaly::G2Item]);
        assert_eq!(found(&[(&[append(1, 10)], true)], &[(1, &[])]), [Anomaly::LostAppend]);
        let forgetful: &[Op] = &[append(1, 10), read(1, &[])];
        assert_eq!(found(&[(forgetful, true)], &[(1, &[10])]), [Anomaly::Internal]);
        // The read-only anomaly of snapshot isolation (Fekete, O'Neil, O'Neil 2004).
        let a: &[Op] = &[append(2, 20)];
        let b: &[Op] = &[read(1, &[]), read(2, &[]), append(1, 10)];
        let c: &[Op] = &[read(1, &[]), read(2, &[20])];
        assert_eq!(found(&[(a, true), (b, true), (c, true)], &[(1, &[10]), (2, &[20])]), [Anomaly::G2Item]);
    }

    #[test]
    fn two_separate_rw_are_no_write_skew() {
        // Each reads before the other's writer, and sees the one's after: rw and wr take turns.
        let a: &[Op] = &[read(1, &[]), append(4, 40)];
        let b: &[Op] = &[append(1, 10), append(2, 20)];
        let c: &[Op] = &[read(2, &[20]), read(3, &[])];
        let d: &[Op] = &[append(3, 30), append(5, 50)];
        let a = [a, &[read(5, &[50])]].concat();
        let last: [(i32, &[i32]); 5] = [(1, &[10]), (2, &[20]), (3, &[30]), (4, &[40]), (5, &[50])];
        assert_eq!(found(&[(&a, true), (b, true), (c, true), (d, true)], &last), [Anomaly::GSingle]);
        assert!(!Level::RepeatableRead.allows(Anomaly::GSingle));
    }
}
