import HomewardCore

/// A hash of bytes, eight at a time: against accidents, not against people.
package enum LabHash {
    package static func of(_ bytes: some RandomAccessCollection<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var word: UInt64 = 0
        var count = 0
        for byte in bytes {
            word = word << 8 | UInt64(byte)
            count += 1
            if count % 8 == 0 { mix(word, into: &hash) }
        }
        mix(word ^ UInt64(count), into: &hash)
        return hash
    }

    private static func mix(_ word: UInt64, into hash: inout UInt64) {
        hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 32
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
    package var lab: Identity
    /// One `lab load`: random, so that a number used twice, in two reigns, is told apart.
    package var run: UInt64
    /// From 1 on.
    package var number: UInt64
    /// ``checksum`` of the record before, which this one depends on; 0 for the first.
    package var previous: UInt64
    /// Over everything before it.
    package private(set) var checksum: UInt64

    package init(lab: Identity, run: UInt64, number: UInt64, previous: UInt64) {
        self.lab = lab
        self.run = run
        self.number = number
        self.previous = previous
        checksum = 0
        checksum = Self.word(encoded, at: Self.size - 8)
    }

    /// The 4096 bytes.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        for word in [Self.magic, lab.high, lab.low, run, number, previous] { Self.append(word, to: &bytes) }
        var filler = run ^ (number &* 0xBF58_476D_1CE4_E5B9) | 1
        while bytes.count < Self.size - 8 {
            filler ^= filler << 13
            filler ^= filler >> 7
            filler ^= filler << 17
            Self.append(filler, to: &bytes)
        }
        Self.append(LabHash.of(bytes), to: &bytes)
        return bytes
    }

    private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }

    private static func word(_ bytes: some RandomAccessCollection<UInt8>, at offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<8 {
            word |= UInt64(bytes[bytes.index(bytes.startIndex, offsetBy: offset + index)]) << UInt64(index * 8)
        }
        return word
    }

    /// Reads a slot.
    package static func decode(_ bytes: ArraySlice<UInt8>, lab: Identity) -> LabSlotContent {
        guard bytes.count == size, word(bytes, at: 0) == magic else { return .empty }
        guard word(bytes, at: 8) == lab.high, word(bytes, at: 16) == lab.low else { return .empty }
        let record = LabRecord(
            lab: lab, run: word(bytes, at: 24), number: word(bytes, at: 32), previous: word(bytes, at: 40)
        )
        // The filler is part of the claim: every byte is what this record would have written.
        return record.encoded.elementsEqual(bytes) ? .record(record) : .damaged
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
