/// What the application writes: each sector says which write it belongs to, so that any image can be read back as the
/// numbers of the writes that made it.
enum Sectors {
    static let bytes = 512
    /// The content is none that was ever written.
    static let garbage = UInt32.max

    /// The content of one sector.
    static func fill(_ buffer: inout [UInt8], number: UInt32, volume: Int, sector: Int) {
        var word = seed(number, volume, sector)
        withUnsafeBytes(of: UInt64(number).littleEndian) { buffer.append(contentsOf: $0) }
        for _ in 1..<bytes / 8 {
            withUnsafeBytes(of: word.littleEndian) { buffer.append(contentsOf: $0) }
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        }
    }

    private static func seed(_ number: UInt32, _ volume: Int, _ sector: Int) -> UInt64 {
        (UInt64(number) << 32 | UInt64(volume) << 24 | UInt64(sector)) &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    /// The write that a sector's content belongs to; 0: zeroes.
    static func read(_ raw: UnsafeRawBufferPointer, volume: Int, sector: Int) -> UInt32 {
        let first = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        guard first > 0 else {
            for offset in stride(from: 8, to: bytes, by: 8)
            where raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self) != 0 { return garbage }
            return 0
        }
        guard first < UInt64(garbage) else { return garbage }
        let number = UInt32(first)
        var word = seed(number, volume, sector)
        for offset in stride(from: 8, to: bytes, by: 8) {
            guard UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) == word else {
                return garbage
            }
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        }
        return number
    }
}

/// One write as the model remembers it.
struct ModelWrite {
    /// Zero: the range reads as zeroes afterwards.
    var number: UInt32
    var volume: Int
    var sector: Int
    var count: Int
    /// The id that the Primary gave it.
    var id: UInt64
}

/// The writes that one host took in one epoch, behind those that it found.
final class Line {
    let name: UInt64
    let host: String
    let parent: Line?
    /// Writes before its own.
    let fork: Int
    var writes: [ModelWrite] = []
    /// Writes that were acknowledged, and that were promised to be durable: as numbers of all writes from the beginning.
    var acknowledged = 0
    var promised = 0
    var checked = false

    init(name: UInt64, host: String, parent: Line?, fork: Int) {
        self.name = name
        self.host = host
        self.parent = parent
        self.fork = fork
    }

    var count: Int { fork + writes.count }

    /// Visits the first `count` writes of the whole chain, in order.
    func visit(upTo count: Int, _ body: (ModelWrite) -> Void) {
        parent?.visit(upTo: min(fork, count), body)
        for write in writes.prefix(max(0, count - fork)) { body(write) }
    }

    /// How many writes this chain and the first `count` of another have in common.
    func common(with other: Line, count: Int) -> Int {
        var mine: [(line: Line, limit: Int)] = []
        var limit = Int.max
        var line: Line? = self
        while let current = line {
            mine.append((current, min(limit, current.count)))
            limit = min(limit, current.fork)
            line = current.parent
        }
        limit = count
        line = other
        while let current = line {
            if let match = mine.first(where: { $0.line === current }) { return min(match.limit, limit) }
            limit = min(limit, current.fork)
            line = current.parent
        }
        return 0
    }

    /// The promise that the chain made, as far as a later fork did not end it.
    func promise(_ of: (Line) -> Int) -> Int { max(of(self), min(parent?.promise(of) ?? 0, fork)) }
}
