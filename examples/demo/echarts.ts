/**
 * Apache ECharts, as far as the demo uses it.
 *
 * The package's own entry reads NODE_ENV and so asks for a permission; its ready-made bundle holds the same
 * code, needs no permission at all and loads in an eighth of a second.
 *
 * @module
 */
// @ts-types="npm:echarts@6.1.0"
export { init } from "npm:echarts@6.1.0/dist/echarts.esm.min.mjs";
export type { EChartsOption } from "npm:echarts@6.1.0";
