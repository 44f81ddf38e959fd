import Foundation
import HomewardCLI
import HomewardCore
import Testing

@Suite("Lab: lab.json damaged", .timeLimit(.minutes(2)))
struct DamagedStateTests {
    let stage: LabStage
    let state: LabState
    let content: [UInt8]

    init() throws {
        stage = try LabStage()
        let folder = stage.folder
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        var state = LabState(
            folder,
            id: Identity(high: 1, low: 2),
            address: "127.1.2.3",
            volumeSize: 64 << 20,
            logSize: 128 << 20,
            bare: false
        )
        state.ready = true
        state.partitions = [["london", "tokyo"]]
        try state.save(folder)
        self.state = state
        content = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.stateFile)))
    }

    /// Reads a file with this content: the lab as it was saved, or a refusal that names the file; nothing else.
    @discardableResult
    private func read(_ content: [UInt8], _ what: @autoclosure () -> String) throws -> Refusal? {
        try Data(content).write(to: URL(fileURLWithPath: stage.folder.stateFile))
        do throws(Refusal) {
            let found = try LabState.load(stage.folder)
            #expect(found == state, "\(what())")
            return nil
        } catch {
            #expect(error.code == .badFormat && error.object == stage.folder.stateFile, "\(what()): \(error)")
            #expect(error.hint.contains("homeward lab down --erase --lab=\(stage.folder.path)"), "\(error)")
            return error
        }
    }

    @Test(
        "each byte with a flipped bit, the lowest and another: the same lab, or a refusal; never another size, address, host or identity"
    )
    func flipped() throws {
        for place in content.indices {
            for bit in [0, Int.random(in: 1...7)] {
                var damaged = content
                damaged[place] ^= 1 << bit
                try read(damaged, "bit \(bit) of byte \(place)")
            }
        }
    }

    @Test("any other digit in place of a digit is refused")
    func digits() throws {
        for place in content.indices where UInt8(ascii: "0")...UInt8(ascii: "9") ~= content[place] {
            for digit in UInt8(ascii: "0")...UInt8(ascii: "9") where digit != content[place] {
                var damaged = content
                damaged[place] = digit
                #expect(try read(damaged, "byte \(place)") != nil, "byte \(place)")
            }
        }
    }

    @Test("cut off anywhere, or with zeroes from there on: refused, unless only the end of the last line is gone")
    func cutOff() throws {
        for size in content.indices {
            let kept = Array(content.prefix(size))
            let refusals = [
                try read(kept, "cut off at \(size)"),
                try read(kept + [UInt8](repeating: 0, count: content.count - size), "zeroes from \(size) on"),
            ]
            if size < content.count - 1 { #expect(!refusals.contains(nil), "\(size)") }
        }
    }

    @Test("what releases before and after write is refused with both formats, whatever else it holds")
    func otherFormats() throws {
        let text = String(decoding: content, as: UTF8.self)
        let bare = text.split(separator: "\n").filter { !$0.contains("\"checksum\"") }.joined(separator: "\n")
        #expect(bare.count < text.count)
        for format in [0, 1, 3, 99] {
            for body in [text, bare, #"{ "format" : 2, "disks" : [] }"#] {
                let other = body.replacing(#""format" : 2"#, with: #""format" : \#(format)"#)
                let refusal = try read(Array(other.utf8), other)
                #expect(refusal?.message == "a lab's record of format \(format), and this release reads 2", "\(other)")
            }
        }
        let refusal = try read(Array(bare.utf8), "without a checksum")
        #expect(refusal?.message.contains("damaged") == true)
    }

    @Test("a file that is no lab's is refused, and so is one that cannot be read; none is no lab")
    func foreign() async throws {
        let texts = [
            "", "\n", "{}", "[]", "null", "7", "\"lab\"", #"{"hosts":[]}"#, #"{"format":"2"}"#, #"{"format":2}"#,
        ]
        for text in texts { #expect(try read(Array(text.utf8), text)?.message.contains("damaged") == true, "\(text)") }
        #expect(try read([UInt8](repeating: 0, count: 4096), "zeroes") != nil)
        #expect(try read((0...255).map { $0 }, "bytes") != nil)
        let long = Data(repeating: 0x20, count: 2 << 20)
        try long.write(to: URL(fileURLWithPath: stage.folder.stateFile))
        let tooLong = #expect(throws: Refusal.self) { try LabState.load(stage.folder) }
        #expect(tooLong?.code == .badFormat && tooLong?.object == stage.folder.stateFile)
        try FileManager.default.removeItem(atPath: stage.folder.stateFile)
        #expect(try LabState.load(stage.folder) == nil)
        try FileManager.default.createDirectory(atPath: stage.folder.stateFile, withIntermediateDirectories: false)
        #expect(throws: Refusal.self) { try LabState.load(stage.folder) }
        let refusal = await #expect(throws: Refusal.self) { try await stage.lab.up(LabPlan()) }
        #expect(refusal?.code == .ioError && refusal?.message.contains("lab.json") == true, "\(refusal as Any)")
    }
}
