import HomewardCore

/// A hash of words: against accidents, not against people.
package enum LabHash {
    package static func of(_ words: some Sequence<UInt64>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for word in words {
            hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 32
        }
        return hash
    }
}

/// One record of the lab's application: 4 KiB that name themselves and the record before them.
///
///     0   8  16      32   40  48        56                    4088      4096
///     |magic |lab id |run |n  |previous |filler, from run and n |checksum |
package struct LabRecord: Hashable, Sendable {
    package static let size = 4096
    private static let magic: UInt64 = 0x484F_4D45_4C41_4231

    /// The lab that wrote it.
    package var lab: Identity { Identity(high: words[1], low: words[2]) }
    /// One `lab load`: random, so that a number used twice, in two reigns, is told apart.
    package var run: UInt64 { words[3] }
    /// From 1 on.
    package var number: UInt64 { words[4] }
    /// ``checksum`` of the record before, which this one depends on; 0 for the first.
    package var previous: UInt64 { words[5] }
    /// Over everything before it.
    package var checksum: UInt64 { words[Self.size / 8 - 1] }

    /// The whole record, little-endian on the volume.
    private let words: [UInt64]

    package init(lab: Identity, run: UInt64, number: UInt64, previous: UInt64) {
        let count = Self.size / 8
        words = [UInt64](unsafeUninitializedCapacity: count) { buffer, initialized in
            let head = [Self.magic, lab.high, lab.low, run, number, previous]
            for index in head.indices { buffer.initializeElement(at: index, to: head[index]) }
            var filler = run ^ (number &* 0xBF58_476D_1CE4_E5B9) | 1
            for index in head.count..<count - 1 {
                filler ^= filler << 13
                filler ^= filler >> 7
                filler ^= filler << 17
                buffer.initializeElement(at: index, to: filler)
            }
            buffer.initializeElement(at: count - 1, to: LabHash.of(buffer[..<(count - 1)]))
            initialized = count
        }
    }

    /// The 4096 bytes.
    package var encoded: [UInt8] { words.map(\.littleEndian).withUnsafeBytes { Array($0) } }

    /// Reads a slot.
    package static func decode(_ bytes: ArraySlice<UInt8>, lab: Identity) -> LabSlotContent {
        bytes.withUnsafeBytes { raw in
            func word(_ index: Int) -> UInt64 {
                UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
            }
            guard raw.count == size, word(0) == magic, word(1) == lab.high, word(2) == lab.low else { return .empty }
            let record = LabRecord(lab: lab, run: word(3), number: word(4), previous: word(5))
            // The filler is part of the claim: every byte is what this record would have written.
            return record.words.indices.allSatisfy { record.words[$0] == word($0) } ? .record(record) : .damaged
        }
    }
}

/// What a slot holds.
package enum LabSlotContent: Hashable, Sendable {
    /// Nothing of this lab's application.
    case empty
    case record(LabRecord)
    /// Begins like a record, and is none.
    case damaged
}

/// Where record n lives: the volumes in turn, in each a ring over its last 16 MiB.
package struct LabLayout: Hashable, Sendable {
    package static let regionSize: UInt64 = 16 << 20

    package let volumes: Int
    /// Slots of each volume.
    package let slots: Int
    private let starts: [UInt64]

    /// Nil when a volume has no room for one record.
    package init?(sizes: [UInt64]) {
        let regions = sizes.map { min($0, Self.regionSize) / UInt64(LabRecord.size) }
        guard let least = regions.min(), least > 0 else { return nil }
        volumes = sizes.count
        slots = Int(least)
        starts = sizes.map { $0 - least * UInt64(LabRecord.size) }
    }

    /// Records that fit before the first is overwritten.
    package var capacity: UInt64 { UInt64(volumes * slots) }

    package func volume(of number: UInt64) -> Int { Int(number % UInt64(volumes)) }
    package func slot(of number: UInt64) -> Int { Int(number / UInt64(volumes) % UInt64(slots)) }
    package func start(of volume: Int) -> UInt64 { starts[volume] }

    package func offset(of number: UInt64) -> UInt64 {
        starts[volume(of: number)] + UInt64(slot(of: number) * LabRecord.size)
    }
}
