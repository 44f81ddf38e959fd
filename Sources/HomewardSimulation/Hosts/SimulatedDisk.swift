import HomewardCore

/// Ends a host inside one of its device calls.
final class Fuse {
    /// Device calls until it blows; nil: not lit.
    var callsLeft: Int?
    /// From then on every device call of the host fails, until it starts again.
    var blown = false

    func burn() -> Bool {
        guard let left = callsLeft else { return false }
        callsLeft = left > 0 ? left - 1 : nil
        if left == 0 { blown = true }
        return left == 0
    }
}

/// What a read is told that is not so.
struct Lie {
    var place: Int
    var bytes: [UInt8]
    /// Reads that are told the truth before.
    var spared = 0

    var end: Int { place + bytes.count }
}

/// A disk with a page cache: what was written survives the process, what was synchronized survives the host.
///
/// Used on one thread only; the protocol asks for more.
final class SimulatedDisk: BlockDevice, @unchecked Sendable {
    let name: String
    let size: UInt64
    private(set) var cache: [UInt8]
    private var durable: [UInt8]
    private var dirty: [Bool]
    private let fuse: Fuse
    /// A planted bug: `synchronize` does nothing.
    var ignoresSynchronize = false
    /// What the next call that it concerns meets, once.
    var ailment: Fault?
    /// Told to one of the next reads that cover it, instead of what is there; once.
    var lie: Lie?
    /// What each byte was before it was written last, where that is kept.
    private(set) var older: [UInt8] = []
    var keepsOlder = false {
        didSet { older = keepsOlder ? cache : [] }
    }
    /// Told when it did.
    var onAilment: (Fault) -> Void = { _ in }
    /// A `synchronize` of this life of the process failed: like a file that is open, it says so each time it is asked again.
    private(set) var hasFailedToSynchronize = false
    /// Pages that the failed one dropped: they look clean, and are not on the disk.
    private var dropped: [Int] = []

    private static let page = 4096
    private static let sector = 512

    init(name: String, size: UInt64, fuse: Fuse) {
        self.name = name
        self.size = size
        self.fuse = fuse
        cache = [UInt8](repeating: 0, count: Int(size))
        durable = cache
        dirty = [Bool](repeating: false, count: (Int(size) + SimulatedDisk.page - 1) / SimulatedDisk.page)
    }

    /// Another disk that holds the same, and neither fails nor lies.
    init(copyOf other: SimulatedDisk) {
        name = other.name
        size = other.size
        fuse = Fuse()
        cache = other.cache
        durable = other.durable
        dirty = other.dirty
    }

    private func died() -> Refusal { Refusal(.ioError, name, "the host died", hint: "start it") }

    /// Meets an ailment that a call of this kind can meet.
    private func meets(_ kinds: Fault...) -> Fault? {
        guard let fault = ailment, kinds.contains(fault) else { return nil }
        ailment = nil
        onAilment(fault)
        return fault
    }

    private func failed(_ what: String) -> Refusal {
        Refusal(.ioError, name, what, hint: "see the kernel's log: dmesg")
    }

    /// Another process opens it: it has a new life, and believes in no page that it has not read from the disk.
    ///
    /// What was written and not synchronized yet stays in the page cache.
    func reopen(dropsCleanPages: Bool) {
        hasFailedToSynchronize = false
        ailment = nil
        guard dropsCleanPages else { return }
        for page in dropped where !dirty[page] { cache.replaceSubrange(bounds(page), with: durable[bounds(page)]) }
        dropped = []
    }

    /// Turns a bit over, on the disk and in the cache.
    func flip(bit: Int, at offset: UInt64) {
        cache[Int(offset)] ^= 1 << UInt8(bit)
        durable[Int(offset)] ^= 1 << UInt8(bit)
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Refusal) {
        if fuse.blown { throw died() }
        if let fault = meets(.readError, .shortRead) {
            throw failed(fault == .readError ? "reading failed: Input/output error" : "it ends early; it has shrunk")
        }
        precondition(offset + UInt64(buffer.count) <= size, "\(name): read at \(offset), \(buffer.count) bytes")
        cache.withUnsafeBytes { raw in
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[Int(offset)..<Int(offset) + buffer.count]))
        }
        if let told = lie, told.place >= Int(offset), told.end <= Int(offset) + buffer.count {
            tell(told, into: buffer, from: Int(offset))
        }
    }

    private func tell(_ told: Lie, into buffer: UnsafeMutableRawBufferPointer, from offset: Int) {
        guard told.spared == 0 else {
            lie?.spared -= 1
            return
        }
        lie = nil
        for (index, byte) in told.bytes.enumerated() { buffer[told.place - offset + index] = byte }
    }

    func write(at offset: UInt64, _ pieces: [UnsafeRawBufferPointer]) throws(Refusal) {
        if fuse.blown { throw died() }
        let length = pieces.reduce(0) { $0 + $1.count }
        precondition(offset + UInt64(length) <= size, "\(name): write at \(offset), \(length) bytes")
        var (left, failure) = begin(length)
        var place = Int(offset)
        for piece in pieces where left > 0 {
            let count = min(left, piece.count)
            if keepsOlder { older.replaceSubrange(place..<place + count, with: cache[place..<place + count]) }
            cache.replaceSubrange(place..<place + count, with: piece[..<count])
            mark(place, count)
            place += count
            left -= count
        }
        if let failure { throw failure }
    }

    /// How many of the bytes that are to change reach the cache, and what the call fails with then: the host may die within
    /// it, and a part may have been done.
    private func begin(_ length: Int) -> (count: Int, failure: Refusal?) {
        if fuse.burn() { return (length / 1024 * 512, died()) }
        switch meets(.writeError, .noSpace) {
        case .noSpace?: return (length / 1024 * 512, failed("No space left on device"))
        case .some: return (0, failed("Input/output error"))
        case nil: return (length, nil)
        }
    }

    func zero(at offset: UInt64, length: UInt64) throws(Refusal) {
        if fuse.blown { throw died() }
        precondition(offset + length <= size, "\(name): zero at \(offset), \(length) bytes")
        let (count, failure) = begin(Int(length))
        for place in Int(offset)..<Int(offset) + count {
            if keepsOlder { older[place] = cache[place] }
            cache[place] = 0
        }
        mark(Int(offset), count)
        if let failure { throw failure }
    }

    func synchronize() throws(Refusal) {
        if fuse.blown { throw died() }
        let dies = fuse.burn()
        if hasFailedToSynchronize { throw failed("it failed before, and is not tried again") }
        if !dies, dirty.contains(true), meets(.failedSync) != nil {
            dropPages()
            throw failed("making writes durable failed: Input/output error")
        }
        if !dies, !ignoresSynchronize {
            for page in dirty.indices where dirty[page] { keep(page) }
        }
        if dies { throw died() }
    }

    /// As Linux does: the error is told once, and the pages are clean from then on, whether they were written or not.
    private func dropPages() {
        hasFailedToSynchronize = true
        for page in dirty.indices where dirty[page] {
            if page % 2 == 0 {
                keep(page)
            } else {
                dirty[page] = false
                dropped.append(page)
            }
        }
    }

    private func mark(_ place: Int, _ count: Int) {
        guard count > 0 else { return }
        for page in place / SimulatedDisk.page...(place + count - 1) / SimulatedDisk.page { dirty[page] = true }
    }

    private func bounds(_ page: Int) -> Range<Int> {
        page * SimulatedDisk.page..<min((page + 1) * SimulatedDisk.page, Int(size))
    }

    private func keep(_ page: Int) {
        let range = bounds(page)
        durable.replaceSubrange(range, with: cache[range])
        dirty[page] = false
    }

    /// The host lost power: of each page that was not synchronized its new content is kept, lost, or torn.
    ///
    /// With `garbles` a torn page may hold nothing of both, as some media leave it.
    func losePower(garbles: Bool, _ world: World) {
        for page in dirty.indices where dirty[page] {
            let range = bounds(page)
            dirty[page] = false
            guard cache[range] != durable[range] else { continue }
            switch world.pick(0...99) {
            case 0..<35: durable.replaceSubrange(range, with: cache[range])
            case 35..<70: world.hit(.lostPage)
            case 70..<75 where garbles:
                world.hit(.garbledPage)
                for place in range { durable[place] = UInt8(truncatingIfNeeded: place &* 151 &+ 7) }
            default:
                world.hit(.tornPage)
                for start in stride(from: range.lowerBound, to: range.upperBound, by: SimulatedDisk.sector)
                where world.chance(50) {
                    let sector = start..<min(start + SimulatedDisk.sector, range.upperBound)
                    durable.replaceSubrange(sector, with: cache[sector])
                }
            }
        }
        cache = durable
        dropped = []
    }
}
