import { contextBridge, ipcRenderer } from 'electron';
import { CALL_CHANNEL, type DesktopBridge } from '../shared/contract/bridge.ts';

const bridge: DesktopBridge = {
  call: (name, input) => ipcRenderer.invoke(CALL_CHANNEL, name, input),
};

contextBridge.exposeInMainWorld('labrelay', bridge);
