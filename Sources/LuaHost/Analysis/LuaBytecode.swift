/// Reads the form that Lua 5.4 compiles a text into, as far as names of globals can be found in it.
///
/// It comes from our own Lua, never from a file. Whatever does not fit ends the reading.
struct LuaBytecode {
    private var bytes: ArraySlice<UInt8>
    private var isBroken = false
    private var uses: [LuaChunk.GlobalUse] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    /// The uses in the order of their lines; nil when this is no such form.
    mutating func globals() -> [LuaChunk.GlobalUse]? {
        // Signature, version 5.4, format 0, and the sizes and samples of numbers; then the count of upvalues.
        let header: [UInt8] = [0x1B, 0x4C, 0x75, 0x61, 0x54, 0x00]
        guard bytes.starts(with: header) else { return nil }
        skip(32)
        function(upvaluesOfParent: [true], isMain: true)
        guard !isBroken else { return nil }
        var seen: Set<String> = []
        let sorted = uses.sorted { ($0.line, $0.name) < ($1.line, $1.name) }
        return sorted.filter { seen.insert("\($0.line) \($0.isAssigned) \($0.name)").inserted }
    }

    // MARK: The parts of a function

    /// Reads a function and those in it.
    ///
    /// `upvaluesOfParent`: which of them are the global environment.
    private mutating func function(upvaluesOfParent: [Bool], isMain: Bool) {
        _ = string()
        let firstLine = integer()
        _ = integer()
        skip(3)
        let code = (0..<count()).map { _ in instruction() }
        let names = (0..<count()).map { _ in constant() }
        let upvalues = (0..<count()).map { _ in environment(upvaluesOfParent, isMain: isMain) }
        for _ in 0..<count() { function(upvaluesOfParent: upvalues, isMain: false) }
        let steps = (0..<count()).map { _ in Int(Int8(bitPattern: byte())) }
        var absolute: [Int: Int] = [:]
        for _ in 0..<count() {
            let position = integer()
            absolute[position] = integer()
        }
        for _ in 0..<count() {
            _ = string()
            _ = integer()
            _ = integer()
        }
        for _ in 0..<count() { _ = string() }
        guard !isBroken else { return }
        var line = firstLine
        let lines = steps.enumerated().map { position, step in
            // −128 says that the line stands in the other list.
            line = step == -128 ? absolute[position] ?? line : line + step
            return line
        }
        find(code, names, upvalues, lines)
    }

    /// Whether the next upvalue is the global environment.
    private mutating func environment(_ parent: [Bool], isMain: Bool) -> Bool {
        let isInStack = byte() != 0
        let index = Int(byte())
        skip(1)
        if isMain { return true }
        return !isInStack && parent.indices.contains(index) && parent[index]
    }

    private mutating func find(_ code: [UInt32], _ names: [String?], _ upvalues: [Bool], _ lines: [Int]) {
        var environments: Set<Int> = []
        var constants: [Int: Int] = [:]
        func isGlobal(_ upvalue: Int) -> Bool { upvalues.indices.contains(upvalue) && upvalues[upvalue] }
        for (position, instruction) in code.enumerated() {
            let a = Int(instruction >> 7 & 0xFF)
            let b = Int(instruction >> 16 & 0xFF)
            let c = Int(instruction >> 24)
            var use: (constant: Int, isAssigned: Bool)?
            var writes = true
            switch Opcode(rawValue: instruction & 0x7F) {
            case .getUpvalue where isGlobal(b):
                environments.insert(a)
                constants[a] = nil
                continue
            case .loadConstant:
                constants[a] = Int(instruction >> 15)
                environments.remove(a)
                continue
            case .loadLargeConstant:
                constants[a] = code.indices.contains(position + 1) ? Int(code[position + 1] >> 7) : nil
                environments.remove(a)
                continue
            case .getFieldOfUpvalue where isGlobal(b): use = (c, false)
            case .setFieldOfUpvalue:
                writes = false
                if isGlobal(a) { use = (b, true) }
            case .getField where environments.contains(b): use = (c, false)
            case .setField:
                writes = false
                if environments.contains(a) { use = (b, true) }
            case .getIndex where environments.contains(b): use = constants[c].map { ($0, false) }
            case .setIndex:
                writes = false
                if environments.contains(a) { use = constants[b].map { ($0, true) } }
            default: break
            }
            if let use, names.indices.contains(use.constant), let name = names[use.constant] {
                uses.append((name, lines.indices.contains(position) ? lines[position] : 0, use.isAssigned))
            }
            if writes {
                environments.remove(a)
                constants[a] = nil
            }
        }
    }

    /// The few instructions of Lua 5.4 that name a global.
    private enum Opcode: UInt32 {
        case loadConstant = 3
        case loadLargeConstant = 4
        case getUpvalue = 9
        case getFieldOfUpvalue = 11
        case getIndex = 12
        case getField = 14
        case setFieldOfUpvalue = 15
        case setIndex = 16
        case setField = 18
    }

    // MARK: Numbers and strings

    private mutating func byte() -> UInt8 {
        guard let byte = bytes.popFirst() else {
            isBroken = true
            return 0
        }
        return byte
    }

    private mutating func skip(_ count: Int) {
        guard bytes.count >= count else {
            isBroken = true
            bytes = []
            return
        }
        bytes.removeFirst(count)
    }

    /// Seven bits in each byte, the first ones first; the last byte has its eighth bit set.
    private mutating func integer() -> Int {
        var value = 0
        for _ in 0..<9 {
            let byte = byte()
            value = value << 7 | Int(byte & 0x7F)
            if byte & 0x80 != 0 { return value }
        }
        isBroken = true
        return 0
    }

    /// A count of things that follow, each of which is a byte at least.
    private mutating func count() -> Int {
        let count = integer()
        guard count <= bytes.count else {
            isBroken = true
            return 0
        }
        return isBroken ? 0 : count
    }

    private mutating func instruction() -> UInt32 {
        var value: UInt32 = 0
        for shift in 0..<4 { value |= UInt32(byte()) << (8 * UInt32(shift)) }
        return value
    }

    private mutating func string() -> String? {
        let size = integer()
        guard size > 0, size - 1 <= bytes.count else {
            if size > 0 { isBroken = true }
            return nil
        }
        let text = String(decoding: bytes.prefix(size - 1), as: UTF8.self)
        skip(size - 1)
        return text
    }

    /// A constant that is a string; nil for others.
    private mutating func constant() -> String? {
        switch byte() {
        case 0, 1, 17: return nil
        case 3, 19:
            skip(8)
            return nil
        case 4, 20: return string()
        default:
            isBroken = true
            return nil
        }
    }
}
