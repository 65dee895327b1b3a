/**
 * npm packages that apps use in functions, by their downloads: the import, a real call, and what it must return; or the
 * words by which a package is refused.
 */
export interface NpmPackage {
  /** Name and version. */
  readonly name: string;
  /** What `p` is in {@linkcode NpmPackage.use}: `p` is the default export, `* as p` the namespace. @default {"p"} */
  readonly bound?: string;
  /** Imported before it: a version that it must agree with. */
  readonly beside?: string;
  /** An expression; its value becomes text. It may await. */
  readonly use: string;
  /** The text of the value, or of what a lease is refused with. */
  readonly gives: string | { readonly refused: string };
}

const all = "* as p";

export const NPM_PACKAGES: readonly NpmPackage[] = [
  { name: "semver@7.7.2", use: `p.satisfies("1.2.3", "^1.0.0")`, gives: "true" },
  { name: "debug@4.4.1", use: `p.humanize(1000)`, gives: "1s" },
  { name: "chalk@5.4.1", use: `p.red("x")`, gives: "x" },
  { name: "chalk@4.1.2", use: `p.red("x")`, gives: "x" },
  { name: "minimatch@10.0.3", bound: all, use: `p.minimatch("a/b.js", "a/*.js")`, gives: "true" },
  { name: "commander@14.0.0", bound: all, use: `new p.Command("x").name()`, gives: "x" },
  { name: "tslib@2.8.1", bound: all, use: `p.__assign({ a: 1 }, { b: 2 }).b`, gives: "2" },
  { name: "uuid@9.0.1", bound: all, use: `p.v5("a", p.v5.URL).length`, gives: "36" },
  { name: "uuid@11.1.0", bound: all, use: `p.validate(p.v4())`, gives: "true" },
  { name: "lodash@4.17.21", use: `p.chunk([1, 2, 3], 2).length`, gives: "2" },
  { name: "underscore@1.13.7", use: `p.range(3).join()`, gives: "0,1,2" },
  { name: "ramda@0.31.3", bound: all, use: `p.sum([1, 2, 3])`, gives: "6" },
  { name: "async@3.2.6", use: `(await p.map([1, 2], async (n) => n * 2)).join()`, gives: "2,4" },
  { name: "bluebird@3.7.2", use: `await p.resolve(7).delay(1)`, gives: "7" },
  {
    name: "rxjs@7.8.2",
    bound: all,
    use: `await p.lastValueFrom(p.of(1, 2).pipe(p.map((n) => n * 2)))`,
    gives: "4",
  },
  { name: "react@19.1.0", use: `p.createElement("b").type`, gives: "b" },
  {
    name: "react-dom@19.1.0/server",
    beside: "react@19.1.0",
    use: `typeof p.renderToString`,
    gives: "function",
  },
  { name: "moment@2.30.1", use: `p.utc(0).format("YYYY")`, gives: "1970" },
  { name: "dayjs@1.11.13", use: `p("2020-02-03").format("YYYY-MM")`, gives: "2020-02" },
  {
    name: "date-fns@4.1.0",
    bound: all,
    use: `p.format(new Date(2020, 1, 3), "yyyy")`,
    gives: "2020",
  },
  { name: "luxon@3.6.1", bound: all, use: `p.DateTime.fromMillis(0).toUTC().year`, gives: "1970" },
  { name: "axios@1.10.0", use: `p.getUri({ url: "/a", params: { b: 1 } })`, gives: "/a?b=1" },
  { name: "express@5.1.0", use: `typeof p().get`, gives: "function" },
  { name: "express@4.21.2", use: `typeof p.Router().get`, gives: "function" },
  { name: "ws@8.18.3", use: `p.OPEN`, gives: "1" },
  { name: "qs@6.14.0", use: `p.parse("a[b]=1").a.b`, gives: "1" },
  { name: "form-data@4.0.3", use: `new p().getBoundary().length > 10`, gives: "true" },
  { name: "mime@4.0.7", use: `p.getType("a.html")`, gives: "text/html" },
  { name: "iconv-lite@0.6.3", use: `p.encode("é", "latin1").length`, gives: "1" },
  { name: "jsonwebtoken@9.0.2", use: `p.verify(p.sign({ a: 1 }, "k"), "k").a`, gives: "1" },
  { name: "bcryptjs@3.0.2", use: `p.compareSync("x", p.hashSync("x", 4))`, gives: "true" },
  { name: "jose@6.0.11", bound: all, use: `p.base64url.encode("x")`, gives: "eA" },
  { name: "crypto-js@4.2.0", use: `p.MD5("x").toString().length`, gives: "32" },
  { name: "nanoid@5.1.5", bound: all, use: `p.nanoid().length`, gives: "21" },
  { name: "validator@13.15.15", use: `p.isEmail("a@b.org")`, gives: "true" },
  {
    name: "ajv@8.17.1",
    bound: "{ Ajv as p }",
    use: `new p().validate({ type: "number" }, 1)`,
    gives: "true",
  },
  { name: "zod@3.25.67", bound: all, use: `p.z.string().parse("x")`, gives: "x" },
  { name: "yup@1.6.1", bound: all, use: `await p.number().validate("3")`, gives: "3" },
  { name: "joi@17.13.3", use: `p.number().validate(3).value`, gives: "3" },
  { name: "handlebars@4.7.8", use: `p.compile("{{a}}")({ a: 1 })`, gives: "1" },
  { name: "mustache@4.2.0", use: `p.render("{{a}}", { a: 1 })`, gives: "1" },
  { name: "ejs@3.1.10", use: `p.render("<%= a %>", { a: 1 })`, gives: "1" },
  { name: "marked@15.0.12", bound: all, use: `p.marked.parse("# x").trim()`, gives: "<h1>x</h1>" },
  { name: "cheerio@1.1.0", bound: all, use: `p.load("<b>x</b>")("b").text()`, gives: "x" },
  { name: "xml2js@0.6.2", use: `(await p.parseStringPromise("<a>1</a>")).a`, gives: "1" },
  {
    name: "fast-xml-parser@5.2.5",
    bound: all,
    use: `new p.XMLParser().parse("<a>1</a>").a`,
    gives: "1",
  },
  { name: "papaparse@5.5.3", use: `p.parse("a,b").data[0].length`, gives: "2" },
  { name: "csv-parse@5.6.0/sync", bound: all, use: `p.parse("a,b").length`, gives: "1" },
  { name: "js-yaml@4.1.0", use: `p.load("a: 1").a`, gives: "1" },
  { name: "dotenv@16.5.0", use: `p.parse("A=1").A`, gives: "1" },
  { name: "yargs-parser@21.1.1", use: `p(["--a", "1"]).a`, gives: "1" },
  { name: "winston@3.17.0", use: `p.createLogger({ silent: true }).level`, gives: "info" },
  { name: "pino@9.7.0", use: `typeof p.stdTimeFunctions.nullTime`, gives: "function" },
  { name: "pg@8.16.2", use: `typeof p.Client`, gives: "function" },
  { name: "mysql2@3.14.1", use: `p.escape("a'b")`, gives: String.raw`'a\'b'` },
  { name: "ioredis@5.6.1", use: `typeof p`, gives: "function" },
  { name: "mongodb@6.17.0", bound: all, use: `new p.ObjectId().toString().length`, gives: "24" },
  {
    name: "knex@3.1.0", // requires every database's driver without a condition
    use: `typeof p`,
    gives: { refused: "it needs packages that are not installed: " },
  },
  { name: "mathjs@14.5.2", bound: all, use: `p.evaluate("1 + 2")`, gives: "3" },
  { name: "bignumber.js@9.3.0", use: `new p("0.1").plus("0.2").toString()`, gives: "0.3" },
  { name: "protobufjs@7.5.3", use: `p.util.base64.length("YWI=")`, gives: "2" },
  {
    name: "immer@10.1.1",
    bound: all,
    use: `p.produce({ a: 1 }, (d) => void (d.a = 2)).a`,
    gives: "2",
  },
  { name: "sharp@0.34.2", use: `typeof p`, gives: { refused: "Cannot find module" } },
  { name: "bcrypt@6.0.0", use: `typeof p`, gives: { refused: "native" } },
  { name: "better-sqlite3@12.2.0", use: `new p(":memory:")`, gives: { refused: "module root" } },
];
