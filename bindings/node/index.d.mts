import runestore = require('./index.js');
export * from './index.js';
export default runestore;
