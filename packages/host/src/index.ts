export { isToolName, toolNames, type Tool, type ToolName } from './toolbox/tool.ts';
export { ensureTool, findTool, type OnProgress } from './toolbox/toolbox.ts';
