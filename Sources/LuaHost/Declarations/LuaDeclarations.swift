/// A module that scripts can `require`: what it is called, and what is in it.
///
/// One declaration for each function gives the binding, the check of its arguments, the text of `help(x)` and the stub for
/// editors, so that none of them can drift. `Verb` is what a waiting function asks of the driver.
public struct LuaModule<Verb: Sendable>: Sendable {
    /// As scripts require it.
    public var name: String
    /// One line.
    public var summary: String
    public var functions: [LuaFunction<Verb>]
    public var classes: [LuaClass<Verb>]

    public init(
        _ name: String,
        _ summary: String,
        functions: [LuaFunction<Verb>] = [],
        classes: [LuaClass<Verb>] = []
    ) {
        self.name = name
        self.summary = summary
        self.functions = functions
        self.classes = classes
    }
}

/// A kind of object that scripts hold: fields to read, methods to call.
///
/// An object is a value: it has no life in Swift, and a script cannot change it.
public struct LuaClass<Verb: Sendable>: Sendable {
    /// Unique in a world: `RDS`.
    public var name: String
    public var summary: String
    /// Fields that can be read; every field of an object of this class stands here.
    public var fields: [LuaParameter]
    /// The object is the first argument of each, and not declared.
    public var methods: [LuaFunction<Verb>]
    /// The field that `tostring(object)` shows; nil: the name of the class.
    public var text: String?
    /// The method that `<close>` calls.
    ///
    /// It is begun too for an object that a request ends with when the script was stopped meanwhile.
    public var close: String?

    public init(
        _ name: String,
        _ summary: String,
        fields: [LuaParameter] = [],
        text: String? = nil,
        close: String? = nil,
        methods: [LuaFunction<Verb>] = []
    ) {
        self.name = name
        self.summary = summary
        self.fields = fields
        self.text = text
        self.close = close
        self.methods = methods
    }
}

/// One function of a module, or method of a class.
public struct LuaFunction<Verb: Sendable>: Sendable {
    /// How it does its work.
    public enum Body: Sendable {
        /// Answers at once. Throws ``LuaError``, which is raised in the script.
        case value(@Sendable (LuaArguments) throws -> LuaValue)
        /// Waits, unless it has an answer at once.
        case verb(@Sendable (LuaArguments) throws -> LuaAnswer<Verb>)
        /// The text of a Lua function expression. It sees the module's own table as `hw`, and `native` (see ``LuaRun``).
        case lua(String)
    }

    public var name: String
    /// One line.
    public var summary: String
    /// What else `help` shows.
    public var details: String
    public var parameters: [LuaParameter]
    /// Nil: nothing is returned.
    public var returns: LuaType?
    /// What the result is.
    public var returnsHelp: String
    public var body: Body

    public init(
        _ name: String,
        _ summary: String,
        details: String = "",
        _ parameters: [LuaParameter] = [],
        returns: LuaType? = nil,
        _ returnsHelp: String = "",
        body: Body
    ) {
        self.name = name
        self.summary = summary
        self.details = details
        self.parameters = parameters
        self.returns = returns
        self.returnsHelp = returnsHelp
        self.body = body
    }
}

/// What a function that may wait comes to when it is called.
public enum LuaAnswer<Verb: Sendable>: Sendable {
    case value(LuaValue)
    case wait(Verb)
}

/// A parameter of a function, a field of an object, or a key of an options table.
public struct LuaParameter: Sendable {
    public var name: String
    public var type: LuaType
    /// One sentence.
    public var help: String
    public var isOptional: Bool

    public init(_ name: String, _ type: LuaType, _ help: String, optional: Bool = false) {
        self.name = name
        self.type = type
        self.help = help
        isOptional = optional
    }
}

/// The types that declarations speak of.
public indirect enum LuaType: Sendable, Equatable {
    case any
    case boolean
    /// A whole number; a float with an integer form is taken for it.
    case integer
    case number
    /// UTF-8.
    case string
    /// Any string of Lua.
    case bytes
    case function
    case table
    /// An object of a class.
    case object(String)
    case array(LuaType)
    /// A table with these keys and no others: an unknown key raises `bad-argument` with the nearest name.
    case options([Key])
    case oneOf([String])
    case either([LuaType])

    public struct Key: Sendable, Equatable {
        public var name: String
        public var type: LuaType
        public var help: String
        public var isOptional: Bool

        public init(_ name: String, _ type: LuaType, _ help: String, optional: Bool = true) {
            self.name = name
            self.type = type
            self.help = help
            isOptional = optional
        }
    }
}

/// The arguments of one call, checked against the declaration.
public struct LuaArguments: Sendable {
    /// The object whose method is called; nil of a function.
    public var object: LuaObject?
    /// As many as are declared; those left out are ``LuaValue/none``.
    public var values: [LuaValue]

    public init(object: LuaObject? = nil, values: [LuaValue]) {
        self.object = object
        self.values = values
    }

    public subscript(index: Int) -> LuaValue { values.indices.contains(index) ? values[index] : .none }
    /// A string that the declaration promises.
    public func text(_ index: Int) -> String { self[index].text ?? "" }
    /// A key of an options table at `index`; ``LuaValue/none`` where the table or the key is left out.
    public func option(_ index: Int, _ name: String) -> LuaValue {
        guard case .table(let table) = self[index] else { return .none }
        return table[name]
    }
}
