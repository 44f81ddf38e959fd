import HomewardAdministration
import HomewardCore

/// What a host's volumes held at one position.
package struct LabImage: Hashable, Sendable {
    package var host: String
    package var isPrimary: Bool
    /// Follows the open Primary over an attached link, so equal numbers must be equal records.
    package var follows: Bool
    /// For each volume its slots.
    package var slots: [[LabSlotContent]]

    package init(host: String, isPrimary: Bool, follows: Bool, slots: [[LabSlotContent]]) {
        self.host = host
        self.isPrimary = isPrimary
        self.follows = follows
        self.slots = slots
    }

    package func content(_ layout: LabLayout, _ number: UInt64) -> LabSlotContent {
        slots[layout.volume(of: number)][layout.slot(of: number)]
    }

    /// The highest number that it holds; 0 for none.
    package var newest: UInt64 {
        slots.joined().reduce(0) { if case .record(let record) = $1 { max($0, record.number) } else { $0 } }
    }
}

/// Everything that ``LabJudge`` judges.
package struct LabEvidence: Sendable {
    package var layout: LabLayout
    package var runs: [LabRun]
    /// Hosts whose RVG is an enabled Primary.
    package var openPrimaries: [String]
    /// The history of the one open Primary.
    package var history: [EpochDescription]
    package var images: [LabImage]

    package init(
        layout: LabLayout,
        runs: [LabRun],
        openPrimaries: [String],
        history: [EpochDescription],
        images: [LabImage]
    ) {
        self.layout = layout
        self.runs = runs
        self.openPrimaries = openPrimaries
        self.history = history
        self.images = images
    }
}

/// The lab's proof, from evidence alone.
///
/// The notes bound the id of each record from both sides, whatever else wrote meanwhile: the record of n was in the log
/// when the flush of n was noted, and not yet in it when the note before was made. So a flushed record noted at or below
/// a fork must be there, and one whose note before is at or beyond the fork must not.
package enum LabJudge {
    /// What is wrong, the first the gravest; empty when all is well.
    package static func findings(_ evidence: LabEvidence) -> [String] {
        var found = primaries(evidence)
        if let primary = evidence.images.first(where: \.isPrimary) {
            for run in evidence.runs { found += missing(run, on: primary, evidence) }
            found += returned(on: primary, evidence)
        }
        for image in evidence.images {
            found += notPrefix(image, evidence.layout)
            found += unequal(image, evidence)
        }
        return found
    }

    private static func primaries(_ evidence: LabEvidence) -> [String] {
        switch evidence.openPrimaries.count {
        case 1: []
        case 0: evidence.runs.isEmpty ? [] : ["no Primary is open"]
        default:
            ["\(evidence.openPrimaries.count) Primaries are open: \(evidence.openPrimaries.joined(separator: ", "))"]
        }
    }

    /// Where the history of a run's writer and that of the open Primary part: the first id outside the common part, nil
    /// when the whole run lies in it; and whether a takeover parted them.
    package static func fork(
        _ run: [EpochDescription],
        _ current: [EpochDescription]
    ) -> (firstLost: UpdateID?, byTakeover: Bool) {
        // A daemon that tells no history leaves nothing to compare: everything flushed is then demanded.
        guard !run.isEmpty, !current.isEmpty else { return (nil, false) }
        guard let common = run.lastIndex(where: { epoch in current.contains { $0.id == epoch.id } }),
            let place = current.firstIndex(where: { $0.id == run[common].id })
        else { return (.zero, current.contains { $0.kind == "takeover" }) }
        let next = place + 1 < current.count ? current[place + 1] : nil
        let own = common + 1 < run.count ? run[common + 1].firstID : nil
        let first = [next?.firstID, own].compactMap { $0 }.min()
        return (first, next?.kind == "takeover")
    }

    /// Of each run that a takeover cut off: the numbers that were flushed and lie beyond the fork.
    package static func givenUp(
        _ runs: [LabRun],
        _ current: [EpochDescription]
    ) -> [(run: LabRun, numbers: ClosedRange<UInt64>)] {
        runs.compactMap { run in
            let (firstLost, byTakeover) = fork(run.history, current)
            guard let firstLost, byTakeover, let last = run.flushes.map(\.number).max() else { return nil }
            let kept = run.flushes.filter { $0.position < firstLost }.map(\.number).max() ?? run.first - 1
            return last > kept ? (run, kept + 1...last) : nil
        }
    }

    private static func missing(_ run: LabRun, on primary: LabImage, _ evidence: LabEvidence) -> [String] {
        let (firstLost, byTakeover) = fork(run.history, evidence.history)
        let kept = run.flushes.filter { flush in
            // Only a takeover may lose what was flushed.
            guard let firstLost, byTakeover else { return true }
            return flush.position < firstLost
        }
        guard let last = kept.map(\.number).max(), last >= run.first else { return [] }
        let oldest = max(run.first, last > evidence.layout.capacity ? last - evidence.layout.capacity + 1 : 1)
        for number in oldest...last {
            let place = "\(primary.host): record \(number) of load \(hexadecimal(run.id)) was flushed"
            switch primary.content(evidence.layout, number) {
            case .record(let record) where record.number > number: continue
            case .record(let record) where record.number == number && record.run == run.id: continue
            case .record(let record):
                return ["\(place), and its slot holds record \(record.number) of load \(hexadecimal(record.run))"]
            case .empty: return ["\(place), and its slot is empty"]
            case .damaged: return ["\(place), and its slot is damaged"]
            }
        }
        return []
    }

    private static func returned(on primary: LabImage, _ evidence: LabEvidence) -> [String] {
        let forks = evidence.runs.map { ($0, fork($0.history, evidence.history).firstLost) }
        for case .record(let record) in primary.slots.joined() {
            guard let (run, firstLost) = forks.first(where: { $0.0.id == record.run }) else {
                return [
                    "\(primary.host): record \(record.number) is of load \(hexadecimal(record.run)), which load.log does not know"
                ]
            }
            guard record.number >= run.first else {
                return ["\(primary.host): record \(record.number) is before the first of its load, \(run.first)"]
            }
            let before = run.positionBefore(record.number)
            // An RVG made anew on the volumes has no fork with what was written before: all of it may be there.
            if let firstLost, firstLost != .zero, before.next >= firstLost {
                return [
                    "\(primary.host): record \(record.number), written on \(run.primary) after \(before), has come back from "
                        + "beyond the fork \(firstLost.previous)"
                ]
            }
        }
        return []
    }

    /// The records must be what all writes up to some number leave behind, over all volumes together.
    private static func notPrefix(_ image: LabImage, _ layout: LabLayout) -> [String] {
        let newest = image.newest
        let oldest = newest > layout.capacity ? newest - layout.capacity + 1 : 1
        var previous: LabRecord?
        for number in stride(from: oldest, through: newest, by: 1) {
            let place = "\(image.host): record \(newest) is there, and"
            switch image.content(layout, number) {
            case .record(let record) where record.number == number:
                if let previous, record.previous != previous.checksum {
                    return ["\(image.host): record \(number) does not follow the record \(number - 1) that is there"]
                }
                previous = record
            case .record(let record): return ["\(place) in the slot of \(number) is \(record.number): not a prefix"]
            case .empty: return ["\(place) the slot of \(number) is empty: not a prefix"]
            case .damaged: return ["\(place) the slot of \(number) is damaged"]
            }
        }
        // Beyond the newest nothing has been written yet.
        guard newest < layout.capacity else { return [] }
        for number in stride(from: newest + 1, through: layout.capacity, by: 1) where number > 0 {
            if case .damaged = image.content(layout, number) {
                return ["\(image.host): the slot of \(number) is damaged"]
            }
        }
        return []
    }

    private static func unequal(_ image: LabImage, _ evidence: LabEvidence) -> [String] {
        guard image.follows, let primary = evidence.images.first(where: \.isPrimary) else { return [] }
        if image.newest > primary.newest {
            return [
                "\(image.host): holds record \(image.newest), and its Primary \(primary.host) only \(primary.newest)"
            ]
        }
        for (mine, other) in zip(image.slots.joined(), primary.slots.joined()) {
            guard case .record(let left) = mine, case .record(let right) = other else { continue }
            if left.number == right.number, left != right {
                return ["\(image.host): record \(left.number) is not the one that \(primary.host) holds"]
            }
        }
        return []
    }

    /// From the last flush before to the first flush after, wherever the application changed hosts.
    package static func outages(_ runs: [LabRun]) -> [(from: String, to: String, seconds: Double)] {
        let flushed = runs.filter { !$0.flushes.isEmpty }
        return zip(flushed, flushed.dropFirst()).compactMap { before, after in
            guard before.primary != after.primary, let last = before.flushes.last, let first = after.flushes.first
            else { return nil }
            return (before.primary, after.primary, first.time - last.time)
        }
    }
}

func hexadecimal(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
