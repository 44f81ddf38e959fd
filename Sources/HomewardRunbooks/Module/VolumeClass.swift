import FoundationEssentials
import HomewardAdministration
import HomewardCore
import LuaHost

/// `Volume`: a volume of one host.
enum VolumeClass {
    static let list = "a list of { dg, name, size, path, is_device, rvg?, is_log, open_by }"

    static func make(_ binding: Binding) -> ScriptClass {
        ScriptClass(
            "Volume",
            "A volume of one host.",
            fields: [
                LuaParameter("host", .string, "the host that has it"), LuaParameter("dg", .string, "its disk group"),
                LuaParameter("name", .string, "its name"),
            ],
            text: "name",
            methods: [open(binding.state), create(binding)] + sums(binding)
        )
    }

    private static func open(_ state: ScriptState) -> ScriptFunction {
        ScriptFunction(
            "open",
            "Opens the volume: a session. While one is open, makesec and migrate are refused.",
            details: """
                local vol <close> = hw.host("seattle"):volume("hrdg", "hr_dv01"):open()
                Only an enabled Primary's volumes open for writing; with readonly = true also those of a consistent
                Secondary. Data are not relayed: it takes the host's own socket, else not-local is raised. In a plan it
                opens for reading only, and writes are noted.
                """,
            [.options([LuaType.Key("readonly", .boolean, "for reading only")])],
            returns: .object("Session"),
            body: .verb { arguments in
                .wait(
                    .volume(
                        .open(
                            host: arguments.field("host"),
                            export: "\(arguments.field("dg"))/\(arguments.field("name"))",
                            readOnly: arguments.flag(0, "readonly") || state.isPlanning
                        )
                    )
                )
            }
        )
    }

    private static func create(_ binding: Binding) -> ScriptFunction {
        binding.changing(
            "create",
            "Makes the volume of a file or of a block device of its host.",
            [
                .options(
                    [
                        LuaType.Key(
                            "file",
                            .string,
                            "a path; the file is made, sparse, when a size is given and it is missing"
                        ),
                        LuaType.Key("device", .string, "the path of a block device, which is used whole"),
                        LuaType.Key("size", .either([.integer, .string]), "bytes, or a text such as \"64M\""),
                    ],
                    optional: false
                )
            ]
        ) { arguments in
            let (file, device) = (arguments.option(0, "file").text, arguments.option(0, "device").text)
            guard (file == nil) != (device == nil), let path = file ?? device, !path.isEmpty else {
                throw LuaError.badArgument(
                    "one of the options file and device is needed, and not both",
                    hint: "create{ file = \"/srv/dv01\", size = \"64M\" }"
                )
            }
            return Binding.Call(
                .createVolume(
                    diskGroup: arguments.field("dg"),
                    volume: arguments.field("name"),
                    path: path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)",
                    isDevice: device != nil,
                    size: try size(arguments.option(0, "size"))
                ),
                to: arguments.here
            )
        }
    }

    private static func size(_ value: LuaValue) throws(LuaError) -> UInt64? {
        do throws(Refusal) {
            switch value {
            case .none: return nil
            case .integer(let number): return try Size.parse("\(number)")
            default: return try Size.parse(value.text ?? value.found)
            }
        } catch {
            throw LuaError(error)
        }
    }

    private static func sums(_ binding: Binding) -> [ScriptFunction] {
        [
            binding.reading(
                "sum",
                "SHA-256 of its bytes at one position of the log. Two sums compare only at equal positions.",
                returns: "{ sha256, position?, size, volume, host }"
            ) {
                Binding.Call(.sumVolume(diskGroup: $0.field("dg"), volume: $0.field("name")), to: $0.here)
            },
            binding.lua(
                "sha256",
                "SHA-256 of its bytes, as volume:sum() has it together with the position.",
                returns: .string,
                "64 hexadecimal digits",
                body: "function(self) return self:sum().sha256 end"
            ),
        ]
    }
}

/// `Session`: a volume that is open.
enum SessionClass {
    static func make(_ binding: Binding) -> ScriptClass {
        ScriptClass(
            "Session",
            "A volume that is open, until close() is called or the variable that was declared <close> goes out of scope.",
            fields: [
                LuaParameter("host", .string, "the host whose volume it is"),
                LuaParameter("volume", .string, "DG/VOLUME"),
                LuaParameter("size", .integer, "its length in bytes"),
                LuaParameter("readonly", .boolean, "whether it can only be read"),
                LuaParameter("session", .integer, "the number of the session"),
            ],
            text: "volume",
            close: "close",
            methods: [read, write(binding.state), flush(binding.state), close]
        )
    }

    private static let offset = LuaParameter("offset", .integer, "where, in bytes from the start")

    private static var read: ScriptFunction {
        ScriptFunction(
            "read",
            "Reads bytes.",
            [offset, LuaParameter("count", .integer, "how many bytes, at most \(VolumeCall.largest >> 20) MiB")],
            returns: .bytes,
            body: .verb { arguments in
                let count = try arguments.count(1, "count")
                guard count <= VolumeCall.largest else { throw tooMuch(count) }
                return .wait(
                    .volume(
                        .read(
                            session: number(arguments),
                            offset: try arguments.count(0, "offset"),
                            count: Int(count)
                        )
                    )
                )
            }
        )
    }

    private static func write(_ state: ScriptState) -> ScriptFunction {
        ScriptFunction(
            "write",
            "Writes bytes. They survive the daemon when it returns, and the host after flush().",
            [offset, LuaParameter("data", .bytes, "at most \(VolumeCall.largest >> 20) MiB")],
            body: .verb { arguments in
                guard case .string(let bytes) = arguments[1] else { throw LuaError.badArgument("data is no string") }
                guard bytes.count <= VolumeCall.largest else { throw tooMuch(UInt64(bytes.count)) }
                let offset = try arguments.count(0, "offset")
                guard !state.isPlanning else {
                    state.note(
                        "\(arguments.field("host")) # write \(bytes.count) bytes at \(offset) of \(arguments.field("volume"))"
                    )
                    return .value(Binding.planned)
                }
                return .wait(.volume(.write(session: number(arguments), offset: offset, bytes: bytes)))
            }
        )
    }

    private static func flush(_ state: ScriptState) -> ScriptFunction {
        ScriptFunction(
            "flush",
            "Waits until everything written before is durable; in synchronous mode at the Secondaries too.",
            body: .verb { arguments in
                state.isPlanning
                    ? .value(Binding.planned) : .wait(.volume(.flush(session: number(arguments))))
            }
        )
    }

    private static var close: ScriptFunction {
        ScriptFunction(
            "close",
            "Ends the session. Again is no error.",
            body: .verb { .wait(.volume(.close(session: number($0)))) }
        )
    }

    private static func number(_ arguments: LuaArguments) -> UInt64 {
        guard case .integer(let number)? = arguments.object?["session"] else { return 0 }
        return UInt64(bitPattern: number)
    }

    private static func tooMuch(_ count: UInt64) -> LuaError {
        .badArgument(
            "\(count) bytes are more than the \(VolumeCall.largest) of one call",
            hint: "go through the volume in a loop"
        )
    }
}
