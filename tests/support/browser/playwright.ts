/** The parts of playwright-core that the tests use. This is the only file that names its version. */
export { type Browser, chromium, type Page } from "npm:playwright-core@1.65.1";
